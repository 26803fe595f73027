"""The stages of a night, each a function that can be run alone, again, or for a past business date.

Belongs here: putting the rooms together; the command line and the DAGs call these and nothing below.
Does not belong here: anything a room can decide by itself.
"""

from nightwatt.stages.acknowledging import AcknowledgeSummary, acknowledge, rebuild_acknowledged
from nightwatt.stages.alerts import acknowledge_alert
from nightwatt.stages.arriving import Arrivals, Expected, arrive, expectation, receive
from nightwatt.stages.board import Board, board
from nightwatt.stages.building import BuildSummary, PublishSummary, build, publish, roll_back
from nightwatt.stages.deciding import Decided, decide, revoke, standing_decision
from nightwatt.stages.delivering import DeliverSummary, deliver
from nightwatt.stages.fetching import pull_now
from nightwatt.stages.loading import LoadSummary, MergeSummary, load, merge_reads, rebuild_reads, replay_rejects
from nightwatt.stages.phasing import Population, approve, deliver_phase, population, reject, review_file, take_back
from nightwatt.stages.platform import Platform
from nightwatt.stages.refreshing import Refreshed, SweepSummary, Taken, live_feeds, refresh, sweep, take_changes
from nightwatt.stages.watching import Beat, WatchSummary, watch
from nightwatt.stages.watching_sendings import SendingsSummary, watch_sendings

__all__ = [
    "AcknowledgeSummary",
    "Arrivals",
    "Beat",
    "Board",
    "BuildSummary",
    "Decided",
    "DeliverSummary",
    "Expected",
    "LoadSummary",
    "MergeSummary",
    "Platform",
    "Population",
    "PublishSummary",
    "Refreshed",
    "SendingsSummary",
    "SweepSummary",
    "Taken",
    "WatchSummary",
    "acknowledge",
    "acknowledge_alert",
    "approve",
    "arrive",
    "board",
    "build",
    "decide",
    "deliver",
    "deliver_phase",
    "expectation",
    "live_feeds",
    "load",
    "merge_reads",
    "population",
    "publish",
    "pull_now",
    "rebuild_acknowledged",
    "rebuild_reads",
    "receive",
    "refresh",
    "reject",
    "replay_rejects",
    "review_file",
    "revoke",
    "roll_back",
    "standing_decision",
    "sweep",
    "take_back",
    "take_changes",
    "watch",
    "watch_sendings",
]
