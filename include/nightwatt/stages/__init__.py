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
from nightwatt.stages.loading import LoadSummary, MergeSummary, load, merge_reads, rebuild_reads, replay_rejects
from nightwatt.stages.phasing import Population, approve, deliver_phase, population, reject, review_file, take_back
from nightwatt.stages.platform import Platform
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
    "SendingsSummary",
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
    "load",
    "merge_reads",
    "population",
    "publish",
    "rebuild_acknowledged",
    "rebuild_reads",
    "receive",
    "reject",
    "replay_rejects",
    "review_file",
    "revoke",
    "roll_back",
    "standing_decision",
    "take_back",
    "watch",
    "watch_sendings",
]
