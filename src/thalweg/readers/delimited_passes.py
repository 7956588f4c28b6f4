"""A loop over the bytes of CSV files, for `native.loops`: where records with quoted fields end."""

import numpy as np

from thalweg.native import loop

_QUOTE, _SPACE, _LF, _CR = 34, 32, 10, 13
_BEGIN, _PLAIN, _QUOTED, _CLOSED = 0, 1, 2, 3  # at the begin of a field, in one, between its quotes, behind them


@loop
def divide(
    text: np.ndarray,
    delimiter: int,
    whole: bool,
    longest: int,
    kept: np.ndarray,
    lines: np.ndarray,
    broken: np.ndarray,
) -> tuple[int, int, int, int]:
    """Cut text (n,) into records: how many bytes they take, how many of them are kept, the records, the broken ones.

    A field is quoted where a quote is its first letter, or the second after a space, as DuckDB has it; elsewhere a
    quote is text. A record is broken where a quoted field does not end, or other text than spaces follows it: then it
    is the line it begins on.

    whole   whether nothing follows the text; else what follows its last line break is no record yet
    longest bytes; a quoted field that has not ended by then does not
    kept    (n,) gets the records, without those broken and the spaces about quoted fields
    lines   gets the line, from 0, that each record begins on; empty ones are none
    broken  gets the numbers of those broken
    """
    n, at, line, size, count, odd, end = len(text), 0, 0, 0, 0, 0, 0
    while at < n:
        start, size_before, line_before = at, size, line
        state, field, second, ended, wrong = _BEGIN, size, -1, False, False
        while at < n and not ended and not wrong:
            c = text[at]
            last = at + 1 == n
            if c == _QUOTE and state == _QUOTED:
                if last and not whole:
                    break
                if not last and text[at + 1] == _QUOTE:
                    kept[size] = c
                    size += 1
                    at += 1
                else:
                    state = _CLOSED
            elif state == _QUOTED:
                if c == _LF:
                    line += 1
                    second = at + 1 if second < 0 else second
            elif c in (_LF, _CR):
                if last and c == _CR and not whole:
                    break
                ended = c == _LF or last or text[at + 1] != _LF
                line += c == _LF
            elif c == delimiter:
                state = _BEGIN
            elif state == _CLOSED:
                if c != _SPACE:
                    wrong = True
                    break
                at += 1
                continue
            elif state == _BEGIN and c == _QUOTE and size - field <= 1:
                state, size = _QUOTED, field
            elif c != _SPACE:
                state = _PLAIN
            kept[size] = c
            size += 1
            at += 1
            if c == delimiter and state == _BEGIN:
                field = size
        if not ended and not wrong:
            wrong = state == _QUOTED and (whole or (n - start > longest and second >= 0))
            if not wrong and not (whole and at == n):
                break
        if wrong:
            if second < 0:  # its first line ends after what is wrong
                while at < n and text[at] != _LF:
                    at += 1
                if at == n and not whole:
                    break
                second = min(at + 1, n)
            at, size, line = second, size_before, line_before + 1
            broken[odd] = count
            odd += 1
        if wrong or at - start > 2 or (text[start] != _LF and text[start] != _CR):
            lines[count] = line_before
            count += 1
        end = at
    return end, size if end == at else size_before, count, odd
