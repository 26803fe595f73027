"""What the extract files themselves say of the customer picture: its rows and whom they belong to, by plain Python.

Belongs here: which rows of which tables are rows of the picture, their external ids, and the ids of their parents; for
CC&B and for SAP. Does not belong here: what is wrong with a row (the test says what it planted), and any value.

It is worked out without the models it is compared with.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from tests.support.extract_files import Extracts

Parents = Mapping[str, tuple[str, str]]
"""By the field that names it: the parent's entity and external id."""

ENTITIES = (
    *("party", "contact", "billing_account", "account_role", "premise", "service_point", "device", "device_install"),
    *("service_agreement", "agreement_item", "bill", "bill_service", "payment"),
)
"""A parent stands before its children."""


@dataclass
class Picture:
    """Every row of every entity: its external id, and its parents'."""

    rows: dict[str, dict[str, Parents]] = field(default_factory=lambda: {entity: {} for entity in ENTITIES})

    def add(self, entity: str, key: str, **parents: tuple[str, str] | None) -> None:
        """Add a row; a parent that is None is none."""
        assert key not in self.rows[entity], key
        self.rows[entity][key] = {name: parent for name, parent in parents.items() if parent is not None}

    def keys(self, entity: str) -> set[str]:
        """Return the external ids of an entity."""
        return set(self.rows[entity])

    def orphans(self, bad: Mapping[str, set[str]]) -> Iterator[tuple[str, str, str, str]]:
        """Yield entity, key, field and missing parent of every row whose parent is not there or not good.

        Args:
            bad: what is bad for a reason of its own, by entity.
        """
        good = {entity: self.keys(entity) - bad.get(entity, set()) for entity in ENTITIES}
        for entity in ENTITIES:
            lost = list(self._lost(entity, good))
            good[entity] -= {key for _, key, _, _ in lost}
            yield from lost

    def _lost(self, entity: str, good: Mapping[str, set[str]]) -> Iterator[tuple[str, str, str, str]]:
        for key, parents in self.rows[entity].items():
            for name, (parent, parent_key) in parents.items():
                if parent_key not in good[parent]:
                    yield entity, key, name, parent_key


def ccb_picture(x: Extracts, since: date) -> Picture:
    """Return what CC&B's complete extracts hold, bills and payments from a date on."""
    said = Picture()
    _ccb_people(x, said)
    _ccb_places(x, said)
    _ccb_agreements(x, said)
    _ccb_money(x, said, since.isoformat())
    return said


def _ccb_people(x: Extracts, said: Picture) -> None:
    persons = {row["PER_ID"] for row in x["ci_per"] if row["PER_OR_BUS_FLG"].strip() == "P"}
    for row in x["ci_per"]:
        said.add("party", f"CCB|PER|{row['PER_ID']}")
    for person in persons:
        said.add("contact", f"CCB|PERC|{person}", party_key=("party", f"CCB|PER|{person}"))
    holders: dict[str, list[str]] = {}
    for row in x["ci_acct_per"]:
        account, person = row["ACCT_ID"], row["PER_ID"]
        if row["MAIN_CUST_SW"] == "Y":
            holders.setdefault(account, []).append(f"CCB|PER|{person}")
        said.add(
            "account_role",
            f"CCB|AP|{account}|{person}",
            billing_account_key=("billing_account", f"CCB|ACCT|{account}"),
            party_key=("party", f"CCB|PER|{person}"),
            contact_key=("contact", f"CCB|PERC|{person}") if person in persons else None,
        )
    for row in x["ci_acct"]:
        said.add("billing_account", f"CCB|ACCT|{row['ACCT_ID']}", party_key=_only(holders.get(row["ACCT_ID"], [])))


def _only(holders: list[str]) -> tuple[str, str] | None:
    """Return the one holder of an account; that there are others or none is said of the account itself."""
    return ("party", holders[0]) if len(holders) == 1 else None


def _ccb_places(x: Extracts, said: Picture) -> None:
    for row in x["ci_prem"]:
        parent = row["PRNT_PREM_ID"].strip()
        said.add(
            "premise",
            f"CCB|PREM|{row['PREM_ID']}",
            parent_premise_key=("premise", f"CCB|PREM|{parent}") if parent else None,
        )
    for row in x["ci_sp"]:
        said.add(
            "service_point", f"CCB|SP|{row['SP_ID']}", premise_key=("premise", f"CCB|PREM|{row['PREM_ID'].strip()}")
        )
    meters = {row["MTR_CONFIG_ID"]: row["MTR_ID"] for row in x["ci_mtr_config"]}
    hanging = {}
    for row in x["ci_sp_mtr_hist"]:
        meter, point = meters[row["MTR_CONFIG_ID"]], f"CCB|SP|{row['SP_ID']}"
        if not row["REMOVAL_DTTM"].strip():
            hanging[meter] = point
        said.add(
            "device_install",
            f"CCB|SPMH|{row['SP_MTR_HIST_ID']}",
            device_key=("device", f"CCB|MTR|{meter}"),
            service_point_key=("service_point", point),
        )
    for row in x["ci_mtr"]:
        at = hanging.get(row["MTR_ID"])
        said.add(
            "device", f"CCB|MTR|{row['MTR_ID']}", service_point_key=("service_point", at) if at is not None else None
        )


def _ccb_energy(x: Extracts) -> set[str]:
    """Return the agreements that are for energy."""
    special = {row["SA_TYPE_CD"] for row in x["ci_sa_type"] if row["SPECIAL_ROLE_FLG"].strip()}
    return {row["SA_ID"] for row in x["ci_sa"] if row["SA_TYPE_CD"] not in special}


def _ccb_agreements(x: Extracts, said: Picture) -> None:
    energy = _ccb_energy(x)
    known = {row["SA_ID"] for row in x["ci_sa"]}
    for row in x["ci_sa"]:
        if row["SA_ID"] in energy:
            account = ("billing_account", f"CCB|ACCT|{row['ACCT_ID']}")
            said.add("service_agreement", f"CCB|SA|{row['SA_ID']}", billing_account_key=account)
    for row in x["ci_sa_sp"]:
        if row["SA_ID"] in energy or row["SA_ID"] not in known:
            said.add(
                "agreement_item",
                f"CCB|SASP|{row['SA_SP_ID']}",
                service_agreement_key=("service_agreement", f"CCB|SA|{row['SA_ID']}"),
                service_point_key=("service_point", f"CCB|SP|{row['SP_ID']}"),
            )


def _ccb_money(x: Extracts, said: Picture, since: str) -> None:
    accounts = {row["BILL_ID"]: row for row in x["ci_bill"]}
    energy = _ccb_energy(x)
    for bill, row in accounts.items():
        if row["BILL_DT"] >= since and row["BILL_STAT_FLG"].strip() != "P":
            account = ("billing_account", f"CCB|ACCT|{row['ACCT_ID']}")
            said.add("bill", f"CCB|BILL|{bill}", billing_account_key=account)
    services = {
        (row["BILL_ID"], row["SA_ID"])
        for row in x["ci_bseg"]
        if row["SA_ID"] in energy
        and row["BSEG_STAT_FLG"].strip() not in {"10", "20", "30"}
        and (row["BILL_ID"] not in accounts or f"CCB|BILL|{row['BILL_ID']}" in said.rows["bill"])
    }
    for bill, agreement in services:
        said.add(
            "bill_service",
            f"CCB|BSA|{bill}|{agreement}",
            bill_key=("bill", f"CCB|BILL|{bill}"),
            service_agreement_key=("service_agreement", f"CCB|SA|{agreement}"),
        )
    for row in x["ci_pay"]:
        if row["PAY_DT"] >= since and row["PAY_STATUS_FLG"].strip() not in {"10", "20", "30"}:
            account = ("billing_account", f"CCB|ACCT|{row['ACCT_ID']}")
            said.add("payment", f"CCB|PAY|{row['PAY_ID']}", billing_account_key=account)


def isu_picture(x: Extracts, since: date, today: date) -> Picture:
    """Return what SAP's complete extracts hold, bills and payments from a date on."""
    said = Picture()
    _isu_people(x, said)
    _isu_places(x, said)
    _isu_devices(x, said, f"{today:%Y%m%d}")
    _isu_contracts(x, said)
    _isu_money(x, said, f"{since:%Y%m%d}")
    return said


def _isu_people(x: Extracts, said: Picture) -> None:
    persons = {row["PARTNER"] for row in x["but000"] if row["TYPE"] == "1"}
    for row in x["but000"]:
        said.add("party", f"ISU|BP|{row['PARTNER']}")
    for person in persons:
        said.add("contact", f"ISU|BPC|{person}", party_key=("party", f"ISU|BP|{person}"))
    holders: dict[str, list[str]] = {}
    for row in x["fkkvkp"]:
        account, partner = row["VKONT"], row["GPART"]
        if row["VKPBZ"] == "01":
            holders.setdefault(account, []).append(f"ISU|BP|{partner}")
        said.add(
            "account_role",
            f"ISU|VKP|{account}|{partner}",
            billing_account_key=("billing_account", f"ISU|VK|{account}"),
            party_key=("party", f"ISU|BP|{partner}"),
            contact_key=("contact", f"ISU|BPC|{partner}") if partner in persons else None,
        )
    for row in x["fkkvk"]:
        said.add("billing_account", f"ISU|VK|{row['VKONT']}", party_key=_only(holders.get(row["VKONT"], [])))


def _isu_places(x: Extracts, said: Picture) -> None:
    for row in x["ehauisu"]:
        said.add("premise", f"ISU|CONN|{row['HAUS']}")
    for row in x["evbs"]:
        house = ("premise", f"ISU|CONN|{row['HAUS']}")
        said.add("premise", f"ISU|PREM|{row['VSTELLE']}", parent_premise_key=house)
    for row in x["eanl"]:
        premise = ("premise", f"ISU|PREM|{row['VSTELLE']}")
        said.add("service_point", f"ISU|INST|{row['ANLAGE']}", premise_key=premise)


def _isu_devices(x: Extracts, said: Picture, today: str) -> None:
    """Find devices by their logical number: it says in which installation they are, from day to day."""
    slices: dict[str, list[dict[str, str]]] = {}
    for row in x["egerh"]:
        slices.setdefault(row["LOGIKNR"].strip(), []).append(row)
    hanging = {}
    for row in x["eastl"]:
        point, number = f"ISU|INST|{row['ANLAGE']}", row["LOGIKNR"]
        (there,) = {s["EQUNR"] for s in slices[number] if s["AB"] <= row["BIS"] and row["AB"] <= s["BIS"]}
        if row["AB"] <= today <= row["BIS"]:
            hanging[there] = point
        said.add(
            "device_install",
            f"ISU|EASTL|{row['ANLAGE']}|{number}|{row['AB']}",
            device_key=("device", f"ISU|EQ|{there}"),
            service_point_key=("service_point", point),
        )
    for row in x["equi"]:
        at = hanging.get(row["EQUNR"])
        said.add(
            "device", f"ISU|EQ|{row['EQUNR']}", service_point_key=("service_point", at) if at is not None else None
        )


def _isu_contracts(x: Extracts, said: Picture) -> None:
    for row in x["ever"]:
        contract, account = row["VERTRAG"], ("billing_account", f"ISU|VK|{row['VKONTO']}")
        said.add("service_agreement", f"ISU|CTR|{contract}", billing_account_key=account)
        if row["EINZDAT"] != "00000000" and row["AUSZDAT"] != "00000000":  # neither move was taken back
            said.add(
                "agreement_item",
                f"ISU|CTRI|{contract}|{row['ANLAGE']}",
                service_agreement_key=("service_agreement", f"ISU|CTR|{contract}"),
                service_point_key=("service_point", f"ISU|INST|{row['ANLAGE']}"),
            )


def _isu_money(x: Extracts, said: Picture, since: str) -> None:
    known = {row["OPBEL"] for row in x["erdk"]}
    reversing = {row["INTOPBEL"].strip() for row in x["erdk"]}
    for row in x["erdk"]:
        is_bill = row["INVOICED"] == "X" and not (row["SIMULATED"] + row["TOBRELEASD"]).strip()
        if is_bill and row["OPBEL"] not in reversing and row["BLDAT"] >= since:
            account = ("billing_account", f"ISU|VK|{row['VKONT']}")
            said.add("bill", f"ISU|BILL|{row['OPBEL']}", billing_account_key=account)
    contracts = {row["BELNR"]: row["VERTRAG"] for row in x["erch"] if not row["SIMULATION"].strip()}
    charged = {(row["OPBEL"], row["VERTRAG"]) for row in x["erdz"] if row["VERTRAG"].strip()}
    billed = {(row["PRINTDOC"], contracts.get(row["BILLDOC"], "")) for row in x["dberdlb"]}
    for bill, contract in charged | {pair for pair in billed if pair[1]}:
        if bill not in known or f"ISU|BILL|{bill}" in said.rows["bill"]:
            said.add(
                "bill_service",
                f"ISU|BSV|{bill}|{contract}",
                bill_key=("bill", f"ISU|BILL|{bill}"),
                service_agreement_key=("service_agreement", f"ISU|CTR|{contract}"),
            )
    accounts = {row["OPBEL"]: row["VKONT"] for row in x["dfkkop"]}
    for row in x["dfkkko"]:
        if row["BLART"] not in {"FA", "GU", "ST"} and row["BUDAT"] >= since:
            account = ("billing_account", f"ISU|VK|{accounts[row['OPBEL']]}")
            said.add("payment", f"ISU|PAY|{row['OPBEL']}", billing_account_key=account)
