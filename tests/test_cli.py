"""The command line as a stranger uses it: every command, every --json key, every complaint one sentence."""

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from thalweg import load, names
from thalweg.cli import run
from thalweg.optimizers import OPTIMIZERS
from thalweg.schedules import SCHEDULES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with train.csv and test.csv: numbers, words, holes, a date, a boolean, a weight."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.csv").write_text(table(400, 1))
    (tmp_path / "test.csv").write_text(table(100, 2))
    return tmp_path


def table(n: int, seed: int) -> str:
    rng = np.random.default_rng(seed)
    age, job = rng.normal(40, 10, n), rng.choice(["cook", "clerk", "nurse"], n)
    margin = (age - 40) / 10 + (job == "clerk") - 0.5
    bought = np.where(rng.random(n) < expit(margin), "yes", "no")
    hole = rng.random(n) < 0.1
    lines = ["age,job,since,member,weight,bought"]
    for i in range(n):
        since = f"2020-{1 + i % 12:02d}-{1 + i % 28:02d}"
        number = "" if hole[i] else f"{age[i]:.3f}"
        lines.append(f"{number},{job[i]},{since},{'true' if i % 3 else 'false'},{1 + i % 2},{bought[i]}")
    return "\n".join(lines) + "\n"


def test_fit_prints_what_machines_need_and_writes_the_model(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fit", "train.csv", "--target", "bought", "--holdout", "test.csv", "--json", "--progress", "off"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["outcome"] == "certified"
    assert out["certificate"]["relative_gap"] <= 1e-6
    assert set(out["certificate"]) >= {"gap", "relative_gap", "kind"}
    assert set(out["holdout"]) == {"log_loss", "auc", "brier", "accuracy", "rows"}
    keys = {"objective", "gradient_norm", "method", "rows", "columns", "passes", "seconds", "model"}
    assert keys <= set(out)
    assert load(out["model"]).rows == out["rows"] == 400


def test_the_four_commands_work_on_one_another(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fit", "train.csv", "--target", "bought", "--weights", "weight", "-o", "m.thalweg"]) == 0
    shown = capsys.readouterr()
    assert "Reached the optimum" in shown.out and "at most" in shown.out
    assert run(["evaluate", "m.thalweg", "test.csv", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"log_loss", "auc", "brier", "accuracy", "rows", "confusion", "calibration"} <= set(found)
    assert found["rows"] == 100
    assert run(["evaluate", "m.thalweg", "test.csv"]) == 0
    assert "Calibration" in capsys.readouterr().out
    assert run(["show", "m.thalweg"]) == 0
    text = capsys.readouterr().out
    for words in ("odds ratio", "job=clerk", "age is missing", "days since 1970-01-01", "indicator", "fingerprint"):
        assert words in text, words
    assert run(["show", "m.thalweg", "--json"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert body["recipe"]["target"]["classes"] == ["no", "yes"]
    assert run(["predict", "m.thalweg", "test.csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == '"prediction","probability"' and len(lines) == 101


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_predictions_are_written_in_the_order_of_the_rows(folder: Path, ending: str) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    run(["fit", "train.csv", "--target", "bought", "-o", "m.thalweg", "--progress", "off"])
    assert run(["predict", "m.thalweg", "test.csv", "-o", f"out{ending}"]) == 0
    read = pyarrow.csv.read_csv if ending == ".csv" else pyarrow.parquet.read_table
    out = read(f"out{ending}").to_pydict()
    assert np.allclose(out["probability"], load("m.thalweg").predict_proba("test.csv")[:, 1], rtol=1e-12)
    assert set(out["prediction"]) == {"yes", "no"}


def test_a_query_on_a_database_is_a_table_of_rows(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import duckdb

    with duckdb.connect("rows.duckdb") as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM 'train.csv'")
    query = ["--sql", "SELECT * FROM t", "--database", "rows.duckdb"]
    assert run(["fit", *query, "--target", "bought", "-o", "m.thalweg", "--progress", "off"]) == 0
    run(["fit", "train.csv", "--target", "bought", "-o", "f.thalweg", "--progress", "off"])
    a, b = load("m.thalweg"), load("f.thalweg")
    # DuckDB reads yes/no and true/false of this file as booleans, so the names differ, but not the optimum
    assert abs(a.objective - b.objective) <= a.certificate.gap + b.certificate.gap + 1e-12


@pytest.mark.parametrize("kind", ["parquet", "jsonl", "tsv", "csv.gz"])
def test_every_kind_of_file_gives_the_model_of_the_csv(folder: Path, kind: str) -> None:
    import duckdb

    options = {"parquet": "FORMAT parquet", "jsonl": "FORMAT json", "tsv": "DELIMITER '\t', HEADER", "csv.gz": "HEADER"}
    with duckdb.connect() as connection:
        source = "read_csv('train.csv', all_varchar=true)" if kind != "parquet" else "read_csv('train.csv')"
        typed = "* REPLACE (age::DOUBLE AS age, weight::INT AS weight, since::DATE AS since)"
        connection.execute(f"COPY (SELECT {typed} FROM {source}) TO 'rows.{kind}' ({options[kind]})")
    assert run(["fit", f"rows.{kind}", "--target", "bought", "-o", "k.thalweg", "--progress", "off"]) == 0
    run(["fit", "train.csv", "--target", "bought", "-o", "c.thalweg", "--progress", "off"])
    other, csv = load("k.thalweg"), load("c.thalweg")
    assert abs(other.objective - csv.objective) <= other.certificate.gap + csv.certificate.gap + 1e-12


def write(name: str, text: str, encoding: str = "utf-8") -> None:
    Path(name).write_bytes(text.encode(encoding))


GOOD = "a,b,y\n" + "".join(f"{i % 7},{(i * 3) % 5},{i % 2}\n" for i in range(30))
BAD_ROWS = [
    (None, [], "no such file"),
    ("", [], "the file is empty"),
    ("a,b,y\n", [], "no rows"),
    (GOOD, ["--target", "z"], "no column 'z' for --target"),
    (GOOD.replace(",0\n", ",1\n"), [], "one class only"),
    (GOOD + "1,1,2\n", [], "3 classes"),
    (GOOD + "1,1,\n", [], "row 31 (line 32): the target 'y' has no value"),
    (GOOD + "abc,1,1\n", [], "row 31 (line 32): column 'a' holds 'abc', but a number was expected"),
    (GOOD + "inf,1,1\n", [], "column 'a' holds inf"),
    (GOOD.replace("a,b,y", "a,a,y"), [], "the column name 'a' stands 2 times"),
    (GOOD + "1,1\n", [], "line 32: the line has 2 fields, but the first line has 3"),
    (GOOD + "1,1,1,1\n", [], "line 32: the line has 4 fields, but the first line has 3"),
    (GOOD, ["--weights", "y"], "two of the roles"),
    (GOOD + "-1,1,1\n", ["--weights", "a"], "row 31 (line 32): the weight in 'a' is -1"),
    (GOOD + ",1,1\n", ["--weights", "a"], "column 'a' holds no value, but --weights needs"),
    (GOOD, ["--positive", "5"], "--positive is '5', but the labels of 'y' are 0, 1"),
    (GOOD, ["--drop", "q"], "no column 'q' for --drop"),
]


@pytest.mark.parametrize(("text", "options", "words"), BAD_ROWS)
def test_bad_rows_get_one_sentence_exit_code_one_and_no_file(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str | None, options: list[str], words: str
) -> None:
    if text is not None:
        write("bad.csv", text)
    target = [] if "--target" in options else ["--target", "y"]
    code = run(["fit", "bad.csv", *target, *options, "-o", "new.thalweg", "--progress", "off"])
    said = capsys.readouterr()
    assert words in said.err
    assert said.err.startswith("thalweg: ") and said.err.count("\n") == 1
    assert code in (1, 2) and (code == 1 or "roles" in words)
    assert not Path("new.thalweg").exists()


def test_another_encoding_is_named_with_the_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("bad.csv", "a,b,y\n" + "1,café,0\n2,x,1\n" * 5, "latin-1")
    assert run(["fit", "bad.csv", "--target", "y"]) == 1
    assert "line 2: this is not UTF-8" in capsys.readouterr().err


BAD_USE = [
    (["fit"], "Give either TRAIN or --sql"),
    (["fit", "train.csv"], "--target is missing"),
    (["fit", "train.csv", "--target", "bought", "--batch-size", "5"], "--batch-size has no meaning for --method auto"),
    (["fit", "train.csv", "--target", "bought", "--method", "newton", "--rate", "1"], "--rate has no meaning"),
    (["fit", "train.csv", "--target", "bought", "--patience", "3"], "needs --holdout"),
    (["fit", "train.csv", "--target", "bought", "--holdout", "2"], "--holdout is 2.0"),
    (["fit", "train.csv", "--target", "bought", "--l2", "-1"], "--l2 is -1.0"),
    (["fit", "train.csv", "--target", "bought", "--method", "lbfgs", "--l1", "0.1"], "cannot take --l1"),
    (["fit", "train.csv", "--target", "bought", "--method", "magic"], "magic"),
    (["fit", "train.csv", "--sql", "SELECT 1", "--database", "x"], "Give either TRAIN or --sql"),
    (["fit", "--sql", "SELECT 1"], "--sql and --database go together"),
    (["fit", "train.csv", "--target", "bought", "--only", "age", "--drop", "age"], "--only and by --drop"),
    (["predict", "m.thalweg", "test.csv", "-o", "out.xlsx"], "must be .csv or .parquet"),
    (["nonsense"], "nonsense"),
]


@pytest.mark.parametrize(("arguments", "words"), BAD_USE)
def test_wrong_usage_exits_with_two_and_says_what_is_wrong(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr().err
    assert words in said and "Traceback" not in said
    assert not list(folder.glob("*.thalweg"))


def test_columns_that_do_not_fit_the_model_are_named_at_predict(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(["fit", "train.csv", "--target", "bought", "-o", "m.thalweg", "--progress", "off"])
    write("less.csv", "job,since,member,weight\ncook,2020-01-01,true,1\n")
    assert run(["predict", "m.thalweg", "less.csv", "-o", "out.csv"]) == 1
    assert "no column 'age' for this model" in capsys.readouterr().err
    write("word.csv", "age,job,since,member,weight\nold,cook,2020-01-01,true,1\n")
    assert run(["predict", "m.thalweg", "word.csv", "-o", "out.csv"]) == 1
    assert "line 2: column 'age' holds 'old', but the model learnt a number" in capsys.readouterr().err
    assert not Path("out.csv").exists()


def test_a_value_never_seen_has_no_level(folder: Path) -> None:
    run(["fit", "train.csv", "--target", "bought", "--only", "job", "-o", "m.thalweg", "--progress", "off"])
    write("new.csv", "job\nastronaut\n")
    model = load("m.thalweg")
    assert model.decision_function("new.csv")[0] == pytest.approx(model.intercept, abs=1e-12)


def test_a_failing_fit_leaves_the_model_that_was_there(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(["fit", "train.csv", "--target", "bought", "-o", "m.thalweg", "--progress", "off"])
    before = Path("m.thalweg").read_bytes()
    assert run(["fit", "train.csv", "--target", "job", "-o", "m.thalweg"]) == 1
    rate = ["--method", "gd", "--rate", "1e4", "--progress", "off"]
    assert run(["fit", "train.csv", "--target", "bought", "-o", "m.thalweg", *rate]) == 1
    assert "largest stable rate" in capsys.readouterr().err
    assert Path("m.thalweg").read_bytes() == before


def test_a_file_that_is_no_model_is_neither_overwritten_nor_read(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Path("test.csv").read_bytes()
    assert run(["fit", "train.csv", "--target", "bought", "-o", "test.csv"]) == 1
    assert "not a thalweg model" in capsys.readouterr().err
    assert Path("test.csv").read_bytes() == before
    assert run(["show", "test.csv"]) == 1
    assert "not a thalweg model" in capsys.readouterr().err
    assert run(["fit", "train.csv", "--target", "bought", "-o", "nowhere/m.thalweg"]) == 1
    assert "no folder nowhere" in capsys.readouterr().err


def test_the_names_in_the_help_are_the_lists_of_the_code() -> None:
    assert tuple(OPTIMIZERS) == names.METHOD_NAMES
    assert tuple(SCHEDULES) == names.SCHEDULE_NAMES


def test_help_and_import_load_nothing_heavy() -> None:
    heavy = "{'numpy', 'scipy', 'sklearn', 'duckdb', 'pyarrow', 'pandas', 'polars', 'rich', 'safetensors'}"
    for lines in (
        "import thalweg",
        "from thalweg.cli import run; run(['--help']); run(['fit', '--help'])",
    ):
        script = f"import sys; {lines}; sys.exit(' '.join({heavy} & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert done.stderr.strip() == "", done.stderr


def test_progress_goes_to_stderr_as_lines_or_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["fit", "train.csv", "--target", "bought", "--json", "--method", "gd"]
    assert run([*arguments, "--progress", "json"]) == 0
    said = capsys.readouterr()
    events = [json.loads(line) for line in said.err.splitlines()]
    assert events[0]["kind"] == "start" and events[-1]["kind"] == "end"
    json.loads(said.out)
    assert run([*arguments, "--progress", "plain"]) == 0
    lines = capsys.readouterr().err.splitlines()
    assert "objective 0.69314718" in lines[0] and len(lines) < 60


def test_ctrl_c_saves_the_model_so_far_and_exits_130(folder: Path) -> None:
    (folder / "big.csv").write_text(table(20_000, 3))
    arguments = ["fit", "big.csv", "--target", "bought", "--method", "sgd", "--epochs", "100000", "--progress", "plain"]
    with subprocess.Popen(
        [sys.executable, "-m", "thalweg", *arguments], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "step 1," in line:
                break
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Interrupted" in out and "Traceback" not in err
    assert err.splitlines()[-1] == "thalweg: interrupted. The best point so far is in big.thalweg."
    assert load(folder / "big.thalweg").outcome.name == "INTERRUPTED"


def test_a_closed_pipe_is_silent(folder: Path) -> None:
    run(["fit", "train.csv", "--target", "bought", "-o", "m.thalweg", "--progress", "off"])
    (folder / "many.csv").write_text(table(50_000, 4))
    command = f"{sys.executable} -m thalweg predict m.thalweg many.csv | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=False)
    assert done.stdout == '"prediction","probability"\n'
    assert done.stderr == ""


@pytest.mark.parametrize("command", ["fit train.csv --target bought -o", "predict m.thalweg train.csv -o"])
def test_a_folder_that_cannot_be_written_to_is_named_before_the_work(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("thalweg.output.tempfile.TemporaryFile", refuse)
    (folder / "closed").mkdir()
    assert run([*command.split(), "closed/out.csv"]) == 1
    assert "the folder closed cannot be written to: Permission denied" in capsys.readouterr().err


def test_a_full_disk_leaves_every_file_as_it_was(folder: Path) -> None:
    """A limit on the size of files stands for the full disk: the system refuses the bytes in the same way."""
    run(["fit", "train.csv", "--target", "bought", "-o", "m.thalweg", "--progress", "off"])
    (folder / "scores.csv").write_text("as it was")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for command in ("fit train.csv --target bought -o m.thalweg", "predict m.thalweg train.csv -o scores.csv"):
        limited = (
            "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            "resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64)); from thalweg.cli import main; sys.exit(main())"
        )
        done = subprocess.run([sys.executable, "-c", limited, *command.split()], capture_output=True, text=True)
        assert done.returncode == 1
        assert "could not be written: File too large" in done.stderr and "Traceback" not in done.stderr
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


REAL = {
    "adult": (["adult/adult.data.gz", "--no-header", "--target", "column14", "--holdout", "adult/adult.test.gz"], 0.90),
    "bank": (["bank/bank-full.csv.gz", "--target", "y", "--holdout", "0.2"], 0.89),
    "credit": (["credit/UCI_Credit_Card.csv.gz", "--target", "default.payment.next.month", "--holdout", "0.2"], 0.71),
    "brfss": (["brfss/diabetes_binary.csv.gz", "--target", "Diabetes_binary", "--holdout", "0.2"], 0.82),
}


@pytest.mark.parametrize("name", REAL)
def test_real_tables_are_fitted_and_judged(
    name: str, shared_data: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments, least = REAL[name]
    paths = [str(shared_data / word) if "/" in word else word for word in arguments]
    assert run(["fit", *paths, "--json", "--progress", "off", "-o", "real.thalweg"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["outcome"] == "certified" and out["certificate"]["relative_gap"] <= 1e-6
    assert out["holdout"]["auc"] >= least
