"""What privacy costs: every cost has its control, and its part of a turn is reckoned from what it adds."""

from __future__ import annotations

import pytest

from bench.load.costs import DOCUMENTS, OFF, PACKETS, Cost, Costs, measured, rows


def test_each_cost_is_measured_beside_the_same_path_with_it_off() -> None:
    found = measured("sip")
    assert len(found.protect.on_us) == len(found.protect.off_us) == PACKETS
    assert len(found.check.on_us) == len(found.check.off_us) == PACKETS
    assert len(found.seal.on_us) == DOCUMENTS
    assert len(found.redactor.on_us) == len(found.redactor.off_us) > 500
    for cost in (found.redactor, found.protect, found.check, found.seal):
        assert cost.net_us > 0.0
    table = {row.id: row for row in rows(found, 200.0, 3.0)}
    assert all(
        row.control is not None and row.control.what == OFF
        for name, row in table.items()
        if not name.endswith("share")
    )


def test_a_part_of_a_turn_is_what_the_cost_adds() -> None:
    cost = Cost((110.0,) * 3, (10.0,) * 3)
    packet = Cost((6.0,) * 3, (1.0,) * 3)
    table = {row.id: row for row in rows(Costs(cost, packet, packet, cost), 200.0, 6.0)}
    (redactor,) = table["cost.redactor.share"].measured.values
    assert redactor == pytest.approx(0.05)  # 100 µs of 200 ms
    (encryption,) = table["cost.srtp.share"].measured.values
    assert encryption == pytest.approx(0.5)  # 6000 packets of 5 µs in 6 s
    assert table["cost.redactor.p50"].outcome(True) == "missed"
    assert table["cost.redactor.p99"].outcome(True) == "met"


def test_without_a_turn_there_is_no_part_of_one() -> None:
    cost = Cost((2.0,), (3.0,))
    assert cost.net_us == 0.0
    names = [row.id for row in rows(Costs(cost, cost, cost, cost), None, None)]
    assert not [name for name in names if name.endswith("share")]
