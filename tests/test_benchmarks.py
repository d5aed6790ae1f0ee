"""What the benchmark compares gives the same answers, and its results say what they are."""

import importlib
import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

from benchmarks import cases, places, run, table  # noqa: E402  (the project's folder has to be on the path first)

SIZE = "0.02"  # million loan-months


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a book of the benchmark in miniature."""
    folder = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "SCRATCH", folder)
        cases.work_of("preparation.prepare_book", SIZE)()
        cases.work_of("preparation.classify_book", SIZE)()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", run.MEASURES.values())
def test_all_peers_give_the_same_answer(name: str, scratch: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "SCRATCH", scratch)
    title = next(title for title, of in run.MEASURES.items() if of == name)
    compared = [case for case in run.cases(title, SIZE) if not case.startswith(run.FLOOR)]
    known = [case for case in compared if "polars" not in case or importlib.util.find_spec("polars")]
    found = {case: cases.work_of(case, SIZE)() for case in known}
    assert len(set(found.values())) == 1, found
    assert any(letter.isdigit() for letter in found[f"ours.live.{name}"])


def test_pandas_is_left_out_where_it_does_not_fit() -> None:
    title = "NPL ratio by month and segment"
    assert "by_pandas.ratio" in run.cases(title, "50")
    assert "by_pandas.ratio" not in run.cases(title, "200")
    assert run.cases(title, "200")[0] == "ours.live.ratio"
    assert run.cases(run.IMPORT, "200") == ("imports.ours", "imports.sql", "imports.pandas")


def test_every_case_of_every_measure_is_there() -> None:
    pytest.importorskip("polars")
    for title, name in run.MEASURES.items():
        for case in run.cases(title, "5"):
            module, function, *measure = case.split(".")
            loaded = importlib.import_module(f"benchmarks.{module}")
            assert callable(getattr(loaded, function)), case
            assert measure in ([], [name])


def test_times_of_peers_that_differ_are_refused() -> None:
    rows = [{"case": "ours.live.ratio", "result": "1"}, {"case": "by_sql.ratio", "result": "2"}]
    with pytest.raises(SystemExit, match="peers differ"):
        run.require_same(rows)
    run.require_same(rows[:1])


def test_sums_are_told_to_the_unit_and_nothing_is_left_out_but_nothing() -> None:
    assert places.told({"cure": -1.5, "cash": 0, "sale": None, "closing": "12.4"}) == "closing=12 cure=-2"
    assert places.units(["0.5", "0.6"]) == "1"


def test_a_case_prints_its_times_and_its_result(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "work_of", lambda *_: lambda: "7")
    cases.main("ours.live.ratio", SIZE, "3")
    said = json.loads(capsys.readouterr().out)
    assert (said["result"], len(said["work_s"]), len(said["work_cpu_s"])) == ("7", 3, 3)


def test_the_table_shows_what_was_measured_and_growth_by_rows(tmp_path: Path) -> None:
    def row(case: str, size: float, seconds: float) -> dict[str, object]:
        return {"case": f"{case}.ratio", "size_million": size, "work_s": seconds, "peak_mib": 512}

    title = "NPL ratio by month and segment"
    for size, seconds in (("5", 1.0), ("50", 8.0)):
        rows = [row("ours.live", float(size), seconds), row("by_sql", float(size), seconds)]
        (tmp_path / f"npl_ratio_by_month_and_segment_{size}m.json").write_text(json.dumps({"rows": rows}))
    lines = table.markdown(["5", "50", "200"], tmp_path).splitlines()
    assert len(lines) == 4
    assert lines[3].startswith(f"| {title}, 50 | 8.00 s | — |")
    assert lines[3].endswith("| 0.5 GiB |")
    small, large = table.saved(title, "5", tmp_path), table.saved(title, "50", tmp_path)
    assert table.growth(small, large, "ours.live") == pytest.approx(0.8)


def test_saved_results_name_the_machine_and_agree_with_each_other() -> None:
    found = sorted(run.RESULTS.glob("*.json"))
    assert found
    for path in found:
        result = json.loads(path.read_text(encoding="utf-8"))
        assert result["machine"]["cores"] >= 1
        answers = {
            row["result"] for row in result["rows"] if "classify_book" not in row["case"] and "floor" not in row["case"]
        }
        assert len(answers) == 1 or "import" in path.name
        assert os.sep not in json.dumps(result)
