"""The outbox: one courier of a delivery at a time."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nightwatt.delivery import outbox
from nightwatt.errors import TransientError


def test_a_delivery_another_process_sends_is_not_waited_for(tmp_path: Path) -> None:
    held = rf"the delivery usage is held by 'deliver usage' \(process {os.getpid()} "
    with outbox.only_one(tmp_path, "usage"), outbox.only_one(tmp_path, "bills"):
        with pytest.raises(TransientError, match=held) as refused, outbox.only_one(tmp_path, "usage"):
            pass
        assert refused.value.code == "delivery.busy"
    with outbox.only_one(tmp_path, "usage"):
        pass
