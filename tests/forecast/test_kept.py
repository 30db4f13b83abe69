"""Forecasts in the journal: bounded, replaced when they came out, and written without being the one that decides."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from fedsched.journal import Forecast, SqliteJournal, forecasts


def forecast(job: str = "1.0", at: float = 1000.0, **more: object) -> Forecast:
    plain = {"schedd": "ce1", "job": job, "class_key": "k", "position": 1, "at": at}
    told = {"early_s": 60.0, "middle_s": 90.0, "late_s": 120.0, "low_s": 40.0, "high_s": 200.0}
    return msgspec.convert(plain | told | more, Forecast)


def test_a_forecast_is_replaced_when_it_came_out_and_goes_when_its_job_is_lost(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "fedsched.db")
    one, two = forecast("1.0"), forecast("1.1")
    journal.keep_forecasts((one, two))
    assert journal.forecasts() == (one, two)
    came = msgspec.structs.replace(one, started_s=70.0, settled_at=1070.0)
    journal.keep_forecasts((came,), lost=(two,))
    journal.close()
    again = SqliteJournal(tmp_path / "fedsched.db")
    assert again.forecasts() == (came,)
    assert came.right
    assert not one.right
    again.close()


def test_only_the_newest_forecasts_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fedsched.journal.sqlite.MOST", 10)
    assert forecasts.MOST == 2000
    journal = SqliteJournal(tmp_path / "fedsched.db")
    for number in range(25):
        journal.keep_forecasts((forecast(at=1000.0 + number),))
    assert [one.at for one in journal.forecasts()] == [1015.0 + number for number in range(10)]
    journal.close()
