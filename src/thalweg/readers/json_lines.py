"""JSON lines through DuckDB: one object a line, its names the columns."""

from pathlib import Path

from thalweg.readers.database import Database, file_literal, literal
from thalweg.readers.files import is_packed
from thalweg.readers.forms import mostly


def json_lines(database: Database, path: Path) -> tuple[str, list[str]]:
    """A select of the file's rows, and the columns of numbers that have other values among them.

    Those and other columns of several kinds, which DuckDB leaves as JSON, are texts in the select, unless there are
    objects or lists in them.
    """
    file = f"{file_literal(path)}, compression='{'gzip' if is_packed(path) else 'uncompressed'}'"
    # from all rows: where a sample tells, 1.5 is rounded in a column that began with whole numbers
    described = database.run(f"DESCRIBE SELECT * FROM read_json_auto({file}, sample_size=-1)")
    types = ", ".join(f"{literal(str(name))}: {literal(str(of_type))}" for name, of_type, *_ in described)
    select = f"SELECT * FROM read_json({file}, columns={{{types}}})"
    mixed = [str(name) for name, of_type, *_ in described if of_type == "JSON"]
    if not mixed:
        return select, []
    quoted = {name: '"' + name.replace('"', '""') + '"' for name in mixed}
    asked = ", ".join(
        f"count(*) FILTER (json_type({c}) IN ('OBJECT', 'ARRAY')), count({c} ->> '$'), "
        f"count(TRY_CAST({c} ->> '$' AS DOUBLE))"
        for c in quoted.values()
    )
    found = iter(database.run(f"SELECT {asked} FROM ({select})")[0])
    counts = {name: (next(found), next(found), next(found)) for name in mixed}
    texts = [f"{quoted[name]} ->> '$' AS {quoted[name]}" for name, (nested, _, _) in counts.items() if not nested]
    numbers = [name for name, (nested, filled, parsed) in counts.items() if not nested and mostly(parsed, filled)]
    return f"SELECT * REPLACE ({', '.join(texts)}) FROM ({select})" if texts else select, numbers
