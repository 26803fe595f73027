{{ reconciliation_totals(ref('rpt_billing_reconciliation_accounts')) }}
