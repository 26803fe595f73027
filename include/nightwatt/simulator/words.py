"""Word lists for names and addresses that cannot be real.

Here: invented surnames, given names, trades, streets and towns, some with letters beyond ASCII.
Not here: who gets which (`ccb_customers`).
"""

from __future__ import annotations


def _listed(text: str) -> tuple[str, ...]:
    return tuple(text.split(","))


GIVEN = _listed(
    "Ada,Anselm,Aurélie,Bao,Björn,Calla,Cormac,Dagny,Deshawn,Elif,Esperança,Fennel,Finn,Gwen,Héctor,Ilse,Imani,"
    "Jarek,João,Juniper,Kaveh,Kirsi,Lark,Łucja,Mabel,Marisol,Nils,Noor,Odile,Orin,Petra,Quill,Ravi,Renée,Rowan,"
    "Saoirse,Sören,Tamsin,Thaddeus,Uma,Vesna,Wren,Xiomara,Yusuf,Zélie,Zoltan"
)

SURNAMES = _listed(
    "Abernook,Alderwick,Ashgrove,Barrowden,Bexhollow,Birkensund,Brackwater,Brühlmark,Calderstow,Castañel,Copperlane,"
    "Dunmarrow,Eastergate,Elmshire,Fairbrook-Lund,Fenwold,Fjällgren,Gallowmere,Garnetfield,Glenarbor,Hartswell,"
    "Hazelrigg,Holloway-Quist,Ironbridge,Jørvang,Kestrelman,Kingsferry,Larkmeadow,Lindenmoor,Łąkowicz,Marlstone,"
    "Mossbank,Müllenbrand,Nettlefold,Núñavilla,Oakhurstle,O'Dellary,Pemberlin,Quarrymoor,Ravensholt,Rosenquell,"
    "Saltmarsh,Shawfield,Silverthorn,Stonecroft,Søndermark,Tarnwick,Thistlewood,Underhillock,Vallendar,"
    "Wexcombe,Whitlowe,Windrush,Yarrowby,Žilvana"
)

TRADES = _listed(
    "Bakery,Bindery,Boat Works,Café,Cold Storage,Dental Group,Dry Goods,Ferry Supply,Foundry,Garden Centre,Glassworks,"
    "Hardware,Laundry,Letterpress,Millworks,Optical,Orchards,Pharmacy,Print Shop,Timber Yard,Veterinary Clinic,Weavers"
)

FORMS = ("LLC", "Inc.", "& Sons", "Co-op", "Partners, LLP")

STREETS = _listed(
    "Alderbrook,Amberline,Bellfounder,Birdsong,Cinder,Clockmaker,Copperleaf,Driftwood,Dynamo,Eddystone,Fernhollow,"
    "Filament,Galvani,Gristmill,Harrowgate,Insulator,Juniper Hill,Kettle Pond,Lamplighter,Linesman,Millrace,"
    "Northlight,Ohm,Overlook,Pylon,Quarter Hour,Reservoir,Sawtooth,Switchyard,Tamarack,Tinder,Transformer,"
    "Turbine,Umber,Volta,Wattle,Windmill,Yardarm"
)

STREET_KINDS = ("St", "Ave", "Ln", "Rd", "Ct", "Way")

TOWNS = _listed(
    "Amperton,Brightwater Falls,Coulomb Mills,Dimmer Bay,East Filament,Gridley Corners,Kilowatt Springs,Lanternville,"
    "Meter Hill,Nightingale Point,Ohmstead,Phasebury,Relay Junction,Saint Faraday,Turbine Heights,Voltaire Grove"
)

COUNTIES = ("Ampere", "Henry", "Joule", "Tesla")
