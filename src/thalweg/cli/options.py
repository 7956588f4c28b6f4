"""Options that several commands share: how rows are read, and what is printed."""

from collections.abc import Callable
from typing import Any

import click

from thalweg.names import TEXT_WEIGHT_NAMES, TOKEN_NAMES

Command = Callable[..., Any]

UNFINISHED = 3  # exit code: the result is written, but the run ended above its tolerance

_READING = (
    click.option("--no-header", is_flag=True, help="The file has no column names; they are column0, column1, ..."),
    click.option("--format", type=click.Choice(["csv", "tsv", "parquet", "jsonl", "libsvm"]), help="Kind of the file."),
    click.option("--missing", multiple=True, metavar="TEXT", help="A text that is a hole; repeatable."),
    click.option("--sql", metavar="QUERY", help="Rows from a query instead of a file; with --database."),
    click.option("--database", metavar="FILE", help="The DuckDB file --sql asks, opened read-only."),
    click.option("--sql-files", is_flag=True, help="Let --sql read files besides the database, as its views may."),
)

_LABELS = (
    click.option("--soft", is_flag=True, help="The target is the share of label 1, a number from 0 to 1."),
    click.option("--successes", metavar="COLUMN", help="Counts instead of a target: so many were of label 1 ..."),
    click.option("--trials", metavar="COLUMN", help="... out of so many, which is what the row weighs."),
)

_LEARNING = (
    click.option("--holdout", metavar="FRACTION|FILE", help="A share of the rows, or a file, that only judges."),
    *_LABELS,
    click.option("--weights", metavar="COLUMN", help="Sample weights."),
    click.option("--offset", metavar="COLUMN", help="Added to the margins."),
    click.option("--class-weight", type=click.Choice(["balanced"]), help="Give both classes half of the weight."),
    click.option("--only", multiple=True, metavar="COLUMN", help="Learn from these columns only; repeatable."),
    click.option("--drop", multiple=True, metavar="COLUMN", help="Leave this column out; repeatable."),
    click.option("--categorical", multiple=True, metavar="COLUMN", help="Take this column as words; repeatable."),
    click.option("--max-levels", type=int, help="Levels of a category with a column each.  [default: no limit]"),
    click.option("--text", multiple=True, metavar="COLUMN", help="Learn the words of this column; repeatable."),
    click.option(
        "--tokens", type=click.Choice(TOKEN_NAMES), default="auto", show_default=True, help="What --text counts."
    ),
    click.option("--ngrams", type=int, help="Longest run of tokens.  [default: 1 for words, 2 for characters]"),
    click.option("--text-weights", type=click.Choice(TEXT_WEIGHT_NAMES), default="tfidf", show_default=True),
    click.option("--min-rows", type=int, default=2, show_default=True, help="Rows a word must stand in."),
    click.option("--positive", metavar="LABEL", help="The label that counts as 1.  [default: the later in order]"),
    click.option("--no-standardize", "standardize", flag_value=False, default=True, help="Leave columns as they are."),
    click.option("--no-intercept", "intercept", flag_value=False, default=True, help="No constant term."),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the held-out rows and the random order."),
    click.option("--threads", type=int, help="Threads; they change no bit of the result.  [default: all]"),
    click.option("--progress", type=click.Choice(["auto", "plain", "json", "off"]), default="auto", show_default=True),
)


def learning(command: Command) -> Command:
    """Add the options of every command that fits: held-out rows, roles of columns, text, and how to run."""
    for option in reversed(_LEARNING):
        command = option(command)
    return command


def labels(command: Command) -> Command:
    """Add the options that say how rows are labelled, where that is not by two labels in a column."""
    for option in reversed(_LABELS):
        command = option(command)
    return command


def held_out(text: str | None) -> float | str | None:
    """A share where the text is a number, else a file."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def reading(command: Command) -> Command:
    """Add the options that say how rows are read."""
    for option in reversed(_READING):
        command = option(command)
    return command


def as_json(command: Command) -> Command:
    """Add --json."""
    return click.option("--json", "json_", is_flag=True, help="One JSON object on stdout, for machines.")(command)


def rows_and_reading(rows: str | None, what: str, given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The source of the rows, and the keywords for `open_table`, out of a command's options, which lose these."""
    sql, database, format_ = given.pop("sql"), given.pop("database"), given.pop("format")
    header, missing, sql_files = not given.pop("no_header"), given.pop("missing"), given.pop("sql_files")
    if (sql is None) != (database is None):
        raise click.UsageError("--sql and --database go together: the query, and the DuckDB file it asks.")
    if (rows is None) == (sql is None):
        raise click.UsageError(f"Give either {what} or --sql with --database.")
    keywords: dict[str, Any] = {}
    if not header:
        keywords["header"] = False
    if format_ is not None:
        keywords["format"] = format_
    if missing:
        from thalweg.readers import DEFAULT_MISSING

        keywords["missing"] = (*DEFAULT_MISSING, *missing)
    if sql is not None:
        if keywords:
            raise click.UsageError("--no-header, --format and --missing go with files, not with --sql.")
        return sql, {"database": database, "sql_files": sql_files}
    if sql_files:
        raise click.UsageError("--sql-files goes with --sql and --database.")
    assert rows is not None
    return rows, keywords


def print_json(body: Any) -> None:
    """One object on stdout; numbers that JSON has no word for become null."""
    import json

    click.echo(json.dumps(_finite(body), ensure_ascii=False, allow_nan=False))


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not abs(value) < float("inf"):
        return None
    return value
