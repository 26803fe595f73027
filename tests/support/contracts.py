"""Sample feed contracts that between them use every branch of the grammar, and what can be wrong with them.

Belongs here: literal YAML. Does not belong here: expectations beyond the fault itself.
"""

from __future__ import annotations

TABLE = """
feed: sample
title: Accounts
system: ccb
owner: billing@nightwatt.invalid
domain: billing
entity: table
arrival:
  folder: ccb/nightly
  pattern: "acct_{business_date:%Y%m%d}.csv.gz"
  wholeness: {rule: done_marker, suffix: .ok}
format: {compression: gz, delimiter: "|", quote: '"', encoding: cp1252, null_values: ["", "NULL"]}
columns:
  - {name: ACCT_ID, field: acct_id, required: true, strip: "'"}
  - {name: SETUP_DT, field: setup_dt, type: date, format: "%m/%d/%Y"}
  - {name: BAL, field: bal, type: decimal, scale: 2}
  - {name: N, field: n, type: integer}
  - {name: UPDATED, field: updated_at, type: timestamp, zone: America/New_York}
  - {name: FILLER}
  - {name: NAME, field: entity_name, personal: true}
constants: {cis_division: NORTH}
key: [acct_id]
mode: full
absence: close
completeness: {min_rows: 100, min_pct_of_median: 90, median_nights: 14}
reject_tolerance_pct: 0.5
schedule: {days: [mon, 15, last], holidays: next_day, rounds: [{by: "02:00", files: 1}]}
deadlines: {expected_by: "03:00", late_at: "04:00", deadline: "06:00"}
on_failure: skip
"""

LONG_READS = """
feed: sample
title: Reads
system: mdm
owner: metering@nightwatt.invalid
domain: usage
entity: interval_read
commodity: electricity
arrival:
  pattern: "reads_{business_date:%y%j}_{part}_{any}.zip"
  wholeness: {rule: manifest, pattern: "reads_{business_date:%y%j}.json"}
  min_files: 2
  max_files: 16
format: {compression: zip, header: false, delimiter: ";", decimal_sign: ",", thousands_sign: "."}
columns:
  - {name: SP, field: service_point_id, required: true}
  - {name: MTR, field: meter_id}
  - {name: CH, field: channel_code}
  - {name: DAY, field: stamp_date, type: date}
  - {name: HOUR, field: stamp_slot, type: integer}
  - {name: DST, field: repeated_flag}
  - {name: LEN, field: length_min, type: integer}
  - {name: VAL, field: value, type: decimal}
  - {name: UOM, field: unit_code}
  - {name: Q, field: quality_code}
  - {name: UPD, field: last_updated_at, type: timestamp}
interval:
  marks: end
  clock: {kind: zone, zone: America/New_York, repeated_hour: flag, repeated_flag_values: ["2"], skipped_hour: shift}
  day_zone: America/Chicago
  slot_base: 0
  slot_counts: wall
  channel: {map: {D: delivered, R: received}, blank: delivered}
  unit: {map: {KWH: kWh}}
  factor: "0.001"
  quality: {map: {A: actual, E: estimated, S: substituted, M: missing}, blank: actual}
  blank_value: drop
mode: delta
deadlines: {expected_by: "03:00", late_at: "03:00", deadline: "06:00"}
"""

WIDE_READS = """
feed: sample
title: Wide
system: mdm
owner: metering@nightwatt.invalid
domain: usage
entity: interval_read
commodity: gas
arrival:
  pattern: "wide.csv"
  wholeness: {rule: trailer, prefix: "TRAILER,", count_position: 2, totals: {"V{slot}": 3}}
columns:
  - {name: SP, field: service_point_id}
  - {name: DAY, field: stamp_date, type: date}
  - {name: "Q{slot}", slots: 3}
  - {name: "V{slot}", field: value, type: decimal, slots: 24, first_slot: 0, channel: delivered, unit: ccf}
interval:
  length_min: 60
  marks: start
  clock: {kind: fixed, offset: "-05:00"}
  quality: {constant: actual}
mode: append
completeness:
  min_pct_of_median: 90
  max_pct_of_median: 150
  min_meters_pct_of_median: 95
  min_total_pct_of_median: 50
  max_total_pct_of_median: 200
  max_missing_meters_pct: 1
schedule: {every_min: 15, alert_after_min: 60}
deadlines: {expected_by: "03:00", late_at: "04:00", deadline: "06:00"}
"""

OFFSET_READS = """
feed: sample
title: Two channels
system: mdm
owner: metering@nightwatt.invalid
domain: usage
entity: interval_read
commodity: electricity
arrival:
  pattern: "net_{business_date:%d%b%Y}.csv"
  wholeness: {rule: quiet, seconds: 5}
columns:
  - {name: SP, field: service_point_id}
  - {name: DAY, field: stamp_date, type: date}
  - {name: AT, field: stamp_time, type: time}
  - {name: "OFF", field: utc_offset}
  - {name: DEL, field: value, type: decimal, channel: delivered}
  - {name: REC, field: value, type: decimal, channel: received, unit: kvarh}
interval:
  length_min: 15
  marks: start
  clock: {kind: offset}
  unit: {constant: kWh}
  quality: {constant: actual}
mode: append
deadlines: {expected_by: "03:00", late_at: "04:00", deadline: "06:00"}
"""

IDOCS = """
feed: sample
title: Partners
system: isu
owner: billing@nightwatt.invalid
domain: billing
entity: table
arrival:
  pattern: "partners_{business_date:%Y%m%d}.idoc"
  wholeness: {rule: done_marker}
format:
  kind: idoc
  compression: zst
  client: "100"
  idoc_type: ZISU_BP01
  message_type: ZISU_BP
  row_segment: Z1BUT000
  other_segments: [Z1NOTE]
  padding: trimmed
  error_statuses: ["51", "56"]
columns:
  - {name: PARTNER, field: partner, offset: 0, length: 10}
  - {name: RUN, field: run, segment: Z1HEAD, offset: 4, length: 6}
  - {name: CREDAT, field: created, control_field: CREDAT, type: date, format: "%Y%m%d"}
key: [partner]
mode: delta
deadlines: {expected_by: "03:00", late_at: "04:00", deadline: "06:00"}
"""

PULLED = """
feed: sample
title: Accounts as they change
system: ccb
owner: billing@nightwatt.invalid
domain: billing
entity: table
arrival:
  source: {kind: sql, connection: ccb, table: CISADM.CI_ACCT, changed_at: LAST_UPD_DTTM, look_back_min: 90}
  folder: ccb/pulled
  pattern: "acct_{business_date:%Y%m%d}_{part}.parquet"
  wholeness: {rule: manifest, pattern: "acct_{business_date:%Y%m%d}_{part}.json"}
format: {kind: parquet, decimal_sign: ","}
columns:
  - {name: ACCT_ID, field: acct_id}
  - {name: LAST_UPD_DTTM, field: last_updated_at, type: timestamp, zone: America/New_York}
key: [acct_id]
mode: delta
schedule: {every_min: 5, alert_after_min: 30}
deadlines: {expected_by: "03:00", late_at: "04:00", deadline: "06:00"}
"""

ALL = {"pulled": PULLED, "idocs": IDOCS, "table": TABLE, "long": LONG_READS, "wide": WIDE_READS, "offset": OFFSET_READS}

WHOLE = "(whole contract)"

# text to change, what to, then the key and words of the fault
FAULTS = {
    "a misspelt key": (TABLE, "absence:", "abscence:", "abscence", "Extra inputs", "remove this key or correct"),
    "a key left out": (TABLE, "title: Accounts\n", "", "title", "Field required", "add this key"),
    "a key given twice": (
        TABLE,
        "mode: full",
        "mode: full\nmode: delta",
        "(file)",
        "key mode is given twice",
        "correct the YAML",
    ),
    "no YAML": (TABLE, "mode: full", "mode: [full", "(file)", "cannot be read as YAML", "correct the YAML"),
    "no mapping": (TABLE, TABLE, "- a\n", "(file)", "not a mapping", "start with `feed: sample`"),
    "another name than the file": (TABLE, "feed: sample", "feed: other", "feed", "is 'other'", "feed: sample"),
    "an unknown entity": (TABLE, "entity: table", "entity: tables", "entity", "Input should be", "use one of"),
    "an unknown wholeness rule": (
        TABLE,
        "rule: done_marker",
        "rule: done",
        "arrival.wholeness",
        "does not match",
        "use one of",
    ),
    "no wholeness rule": (TABLE, "rule: done_marker, ", "", "arrival.wholeness", "discriminator", "'rule'"),
    "a wrong key of a rule": (OFFSET_READS, "seconds: 5", "second: 5", "arrival.wholeness.second", "Extra", "spelling"),
    "a wrong value of a rule": (
        OFFSET_READS,
        "seconds: 5",
        "seconds: -5",
        "arrival.wholeness.seconds",
        "greater",
        "correct",
    ),
    "a wrong key of a clock": (
        LONG_READS,
        "skipped_hour: shift",
        "skipped_hour: skip",
        "interval.clock.skipped_hour",
        "should be",
        "use one of 'reject'",
    ),
    "a folder that climbs out": (
        TABLE,
        "folder: ccb/nightly",
        "folder: ../secrets",
        "arrival.folder",
        "no `..`",
        "correct",
    ),
    "an absolute folder": (
        TABLE,
        "folder: ccb/nightly",
        "folder: /etc",
        "arrival.folder",
        "no leading slash",
        "correct",
    ),
    "a path as pattern": (TABLE, '"acct_{', '"ccb/acct_{', "arrival.pattern", "not a path", "correct"),
    "an unknown field of a pattern": (
        TABLE,
        "{business_date:%Y%m%d}",
        "{date}",
        "arrival.pattern",
        "unknown field {date}",
        "correct",
    ),
    "a date without form": (
        TABLE,
        "{business_date:%Y%m%d}",
        "{business_date}",
        "arrival.pattern",
        "with its form",
        "correct",
    ),
    "half a date": (TABLE, "%Y%m%d", "%m%d", "arrival.pattern", "does not say a whole date", "correct"),
    "a date with a part twice": (TABLE, "%Y%m%d", "%Y%m%d%Y", "arrival.pattern", "twice", "correct"),
    "an unknown date directive": (TABLE, "%Y%m%d", "%Y%m%d%p", "arrival.pattern", "%p is not supported", "correct"),
    "braces that are no field": (TABLE, '"acct_{', '"{Acct}_{', "arrival.pattern", "braces", "correct"),
    "a part twice": (LONG_READS, "{any}", "{part}", "arrival.pattern", "write {part} once", "correct"),
    "fewer files at most than at least": (
        LONG_READS,
        "max_files: 16",
        "max_files: 1",
        "arrival",
        "less than min_files",
        "correct",
    ),
    "an unknown zone": (
        TABLE,
        "zone: America/New_York",
        "zone: Amerika/New_York",
        "columns.4.zone",
        "unknown time zone 'Amerika/New_York'",
        "correct",
    ),
    "an unknown encoding": (
        TABLE,
        "encoding: cp1252",
        "encoding: cp-none",
        "format.encoding",
        "unknown encoding 'cp-none'",
        "correct",
    ),
    "a delimiter of two signs": (
        TABLE,
        'delimiter: "|"',
        'delimiter: "||"',
        "format.delimiter",
        "at most 1",
        "correct",
    ),
    "a quote that is the delimiter": (
        TABLE,
        'delimiter: "|"',
        "delimiter: '\"'",
        "format",
        "quote and delimiter",
        "correct",
    ),
    "one sign for two things": (
        LONG_READS,
        'thousands_sign: "."',
        'thousands_sign: ","',
        "format",
        "are the same",
        "correct",
    ),
    "pulled rows in another format": (
        PULLED,
        'kind: parquet, decimal_sign: ","',
        "delimiter: ';'",
        WHOLE,
        "as Parquet",
        "correct",
    ),
    "pulled rows nobody calls whole": (
        PULLED,
        'rule: manifest, pattern: "acct_{business_date:%Y%m%d}_{part}.json"',
        "rule: quiet",
        WHOLE,
        "both are written with them",
        "correct",
    ),
    "pulls that would take one name": (
        PULLED,
        "%Y%m%d}_{part}.parquet",
        "%Y%m%d}.parquet",
        WHOLE,
        "needs names with",
        "correct",
    ),
    "manifests that would take one name": (
        PULLED,
        "%Y%m%d}_{part}.json",
        "%Y%m%d}.json",
        WHOLE,
        "needs names with",
        "correct",
    ),
    "a pull of changes that is said to be all": (
        PULLED,
        "mode: delta",
        "mode: full",
        WHOLE,
        "takes what changed",
        "correct",
    ),
    "a pull of all rows that is said to be changes": (
        PULLED,
        ", changed_at: LAST_UPD_DTTM",
        "",
        WHOLE,
        "takes all rows",
        "correct",
    ),
    "more than one pull a night": (
        PULLED,
        "  folder: ccb/pulled",
        "  min_files: 2\n  folder: ccb/pulled",
        WHOLE,
        "pulled once a night",
        "correct",
    ),
    "a change time that is no column": (
        PULLED,
        "changed_at: LAST_UPD_DTTM",
        "changed_at: UPD",
        WHOLE,
        "UPD must be one of",
        "correct",
    ),
    "a change time that is no timestamp": (
        PULLED,
        "changed_at: LAST_UPD_DTTM",
        "changed_at: acct_id",
        WHOLE,
        "of type timestamp",
        "correct",
    ),
    "a Parquet file with a trailer": (
        PULLED,
        'rule: manifest, pattern: "acct_{business_date:%Y%m%d}_{part}.json"',
        "rule: trailer, prefix: T",
        WHOLE,
        "no trailer line",
        "correct",
    ),
    "an unknown kind of format": (IDOCS, "kind: idoc", "kind: edifact", "format", "does not match", "use one of"),
    "a wrong key of a format": (IDOCS, "padding:", "pading:", "format.pading", "Extra", "spelling"),
    "a client of two digits": (IDOCS, 'client: "100"', 'client: "10"', "format.client", "match pattern", "correct"),
    "an IDoc format without its type": (IDOCS, "  idoc_type: ZISU_BP01\n", "", "format.idoc_type", "required", "add"),
    "rows that are passed over": (
        IDOCS,
        "other_segments: [Z1NOTE]",
        "other_segments: [Z1NOTE, Z1BUT000]",
        "format",
        "row_segment is also",
        "correct",
    ),
    "columns of a segment that is passed over": (
        IDOCS,
        "other_segments: [Z1NOTE]",
        "other_segments: [Z1HEAD]",
        "(whole contract)",
        "columns are cut from them",
        "correct",
    ),
    "a column of an IDoc without its place": (
        IDOCS,
        ", offset: 0, length: 10",
        "",
        "(whole contract)",
        "PARTNER: needs offset and length",
        "correct",
    ),
    "a column that ends after the segment": (
        IDOCS,
        "offset: 4, length: 6",
        "offset: 995, length: 6",
        "(whole contract)",
        "RUN: ends after the 1000",
        "correct",
    ),
    "an unknown field of the control record": (
        IDOCS,
        "control_field: CREDAT",
        "control_field: CREDATE",
        "(whole contract)",
        "no field CREDATE; it has TABNAM, MANDT",
        "correct",
    ),
    "two places for one column": (
        IDOCS,
        "control_field: CREDAT",
        "control_field: CREDAT, offset: 1",
        "(whole contract)",
        "either control_field",
        "correct",
    ),
    "slots of an IDoc": (
        IDOCS,
        "name: RUN, field: run, segment: Z1HEAD",
        'name: "P{slot}", slots: 3',
        "(whole contract)",
        "no slots",
        "correct",
    ),
    "a place in delimited text": (
        TABLE,
        "field: acct_id, required",
        "field: acct_id, length: 10, required",
        "(whole contract)",
        "belong to format idoc",
        "correct",
    ),
    "more digits than are kept": (
        TABLE,
        "scale: 2",
        "scale: 15",
        "columns.2.scale",
        "less than or equal to 14",
        "correct",
    ),
    "a number where a text stands": (
        TABLE,
        "cis_division: NORTH",
        "cis_division: 7",
        "constants.cis_division",
        "valid string",
        "put it in quotes",
    ),
    "a name that YAML takes for a truth": (
        OFFSET_READS,
        'name: "OFF"',
        "name: OFF",
        "columns.3.name",
        "valid string",
        "put it in quotes",
    ),
    "a code that YAML takes for a number": (
        OFFSET_READS,
        "quality: {constant: actual}",
        "quality: {map: {1: actual}}",
        "interval.quality.map.1.[key]",
        "valid string",
        "put it in quotes",
    ),
    "slots without their number in the name": (
        WIDE_READS,
        'name: "V{slot}"',
        "name: V",
        "columns.3",
        "needs `{slot}`",
        "correct",
    ),
    "slots with other braces": (
        WIDE_READS,
        'name: "V{slot}"',
        'name: "{V}{slot}"',
        "columns.3",
        "no braces",
        "correct",
    ),
    "a table with an interval section": (
        TABLE,
        "mode: full",
        "interval: {marks: end, clock: {kind: utc}, quality: {constant: actual}}\nmode: full",
        "(whole contract)",
        "belongs to entity interval_read",
        "correct",
    ),
    "a table without key": (TABLE, "key: [acct_id]\n", "", "(whole contract)", "needs `key`", "correct"),
    "a key that no column has": (
        TABLE,
        "key: [acct_id]",
        "key: [acct_no]",
        "(whole contract)",
        "['acct_no'] are not among",
        "correct",
    ),
    "a field given twice": (
        TABLE,
        "field: bal",
        "field: acct_id",
        "(whole contract)",
        "['acct_id'] are given twice",
        "correct",
    ),
    "close without full": (
        TABLE,
        "mode: full",
        "mode: delta",
        "(whole contract)",
        "absence: close needs mode: full",
        "correct",
    ),
    "reads without an interval section": (OFFSET_READS, "interval:\n", "extra:\n", "extra", "Extra", "remove"),
    "reads without commodity": (
        OFFSET_READS,
        "commodity: electricity\n",
        "",
        "(whole contract)",
        "needs `commodity`",
        "correct",
    ),
    "reads with an unknown field": (
        OFFSET_READS,
        "field: utc_offset",
        "field: offset",
        "(whole contract)",
        "['offset'] are not fields",
        "correct",
    ),
    "reads without service point": (
        OFFSET_READS,
        "field: service_point_id",
        "field: meter_id",
        "(whole contract)",
        "['service_point_id']",
        "correct",
    ),
    "an offset clock without its column": (
        OFFSET_READS,
        "field: utc_offset",
        "field: meter_id",
        "(whole contract)",
        "['utc_offset']",
        "correct",
    ),
    "no interval length": (OFFSET_READS, "  length_min: 15\n", "", "(whole contract)", "['length_min']", "correct"),
    "no stamp": (
        OFFSET_READS,
        "field: stamp_time",
        "field: meter_id",
        "(whole contract)",
        "the stamp needs",
        "correct",
    ),
    "wide rows without a day": (
        WIDE_READS,
        "field: stamp_date",
        "field: meter_id",
        "(whole contract)",
        "the stamp needs",
        "correct",
    ),
    "a flag clock without its column": (
        LONG_READS,
        "field: repeated_flag",
        "field: utc_offset",
        "(whole contract)",
        "repeated_hour: flag needs",
        "correct",
    ),
    "a value without channel": (
        OFFSET_READS,
        ", channel: delivered}",
        "}",
        "(whole contract)",
        "column DEL has no channel",
        "correct",
    ),
    "a value without unit": (
        OFFSET_READS,
        "  unit: {constant: kWh}\n",
        "",
        "(whole contract)",
        "column DEL has no unit",
        "correct",
    ),
    "a code map that says nothing": (
        OFFSET_READS,
        "unit: {constant: kWh}",
        "unit: {blank: kWh}",
        "interval.unit",
        "either `constant` or `map`",
        "correct",
    ),
    "a quality map that says both": (
        OFFSET_READS,
        "quality: {constant: actual}",
        "quality: {constant: actual, map: {A: actual}}",
        "interval.quality",
        "and not both",
        "correct",
    ),
    "an unknown quality": (
        OFFSET_READS,
        "quality: {constant: actual}",
        "quality: {constant: fine}",
        "interval.quality.constant",
        "should be 'actual'",
        "use one of 'actual'",
    ),
    "a factor of nothing": (
        LONG_READS,
        'factor: "0.001"',
        'factor: "0.0"',
        "interval.factor",
        "makes every value 0",
        "correct",
    ),
    "deadlines that run backwards": (
        TABLE,
        'late_at: "04:00"',
        'late_at: "02:00"',
        "deadlines",
        "must not run backwards",
        "correct",
    ),
    "a time that YAML takes for a number": (
        TABLE,
        'deadline: "06:00"',
        "deadline: 6:00",
        "deadlines.deadline",
        "in quotes",
        "correct",
    ),
    "a time with a zone": (
        TABLE,
        'deadline: "06:00"',
        'deadline: "06:00Z"',
        "deadlines.deadline",
        "has no zone",
        "correct",
    ),
    "a day that is none": (
        IDOCS,
        "mode: delta\n",
        "mode: delta\nschedule: {days: [mon, 32]}\n",
        "schedule.days",
        "[32] are no days; name weekdays (mon, tue",
        "correct",
    ),
    "no day at all": (
        IDOCS,
        "mode: delta\n",
        "mode: delta\nschedule: {days: []}\n",
        "schedule.days",
        "at least 1",
        "corr",
    ),
    "rounds that run backwards": (
        IDOCS,
        "mode: delta\n",
        'mode: delta\nschedule: {rounds: [{by: "02:00", files: 2}, {by: "01:00", files: 3}]}\n',
        "schedule",
        "each round must be later",
        "correct",
    ),
    "rounds that bring more than the night waits for": (
        IDOCS,
        "mode: delta\n",
        'mode: delta\nschedule: {rounds: [{by: "02:00", files: 2}]}\n',
        "(whole contract)",
        "counts 2 files and arrival.min_files is 1",
        "correct",
    ),
    "a round after the deadline": (
        IDOCS,
        "mode: delta\n",
        'mode: delta\nschedule: {rounds: [{by: "06:30", files: 1}]}\n',
        "(whole contract)",
        "due by 06:30, after deadlines.deadline",
        "correct",
    ),
    "near real time without an end to patience": (
        IDOCS,
        "mode: delta\n",
        "mode: delta\nschedule: {every_min: 5}\n",
        "schedule",
        "belong together",
        "correct",
    ),
    "near real time with too little patience": (
        IDOCS,
        "mode: delta\n",
        "mode: delta\nschedule: {every_min: 15, alert_after_min: 10}\n",
        "schedule",
        "every quiet interval",
        "correct",
    ),
    "rounds in near real time": (
        IDOCS,
        "mode: delta\n",
        'mode: delta\nschedule: {every_min: 5, alert_after_min: 30, rounds: [{by: "02:00", files: 1}]}\n',
        "schedule",
        "not both",
        "correct",
    ),
    "service points of a table": (
        TABLE,
        "min_rows: 100, ",
        "min_rows: 100, max_missing_meters_pct: 1, ",
        "(whole contract)",
        "a table has no service points",
        "correct",
    ),
    "a sum of a column that is read past": (
        WIDE_READS,
        '{"V{slot}": 3}',
        '{"Q{slot}": 3}',
        "(whole contract)",
        "no columns of values that are kept",
        "correct",
    ),
    "too much that is less than usual": (
        TABLE,
        "min_pct_of_median: 90",
        "max_pct_of_median: 90",
        "completeness.max_pct_of_median",
        "greater than 100",
        "correct",
    ),
    "a share over a hundred": (
        TABLE,
        "min_pct_of_median: 90",
        "min_pct_of_median: 190",
        "completeness.min_pct_of_median",
        "less than or equal to 100",
        "correct",
    ),
}
