{{ reconciliation_totals(ref('rpt_usage_reconciliation_accounts')) }}
