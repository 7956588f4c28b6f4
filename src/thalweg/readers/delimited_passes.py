"""A loop over the bytes of CSV files, for `native.loops`: where records with quoted fields end."""

import numpy as np

from thalweg.native import loop

_QUOTE, _SPACE, _LF, _CR = 34, 32, 10, 13
_WRONG, _OPEN = 1, 2  # a quoted field that other text follows; one that the text may end in


@loop
def _copied(text: np.ndarray, begin: int, end: int, kept: np.ndarray, size: int) -> int:
    """The size of what is kept once text from begin to end is put behind it."""
    for i in range(begin, end):
        kept[size + i - begin] = text[i]
    return size + end - begin


@loop
def _behind_quotes(text: np.ndarray, at: int, line: int, whole: bool, fates: np.ndarray) -> tuple[int, int, int, int]:
    """Go on behind a field's first quote to behind its last.

    Returns where that is, its line, where the first line break of the field was passed (-1: there is none), and 0; or
    instead of that what is known of a field that does not end.
    """
    n, second = len(text), -1
    while True:
        while at < n and text[at] != _QUOTE and text[at] != _LF:
            at += 1
        if at == n or (at + 1 == n and text[at] == _QUOTE and not whole):
            return at, line, second, _OPEN
        if text[at] == _LF:
            at += 1
            line += 1
            second = at if second < 0 else second
            if fates[line] != 0:
                return at, line, second, fates[line]
        elif at + 1 == n or text[at + 1] != _QUOTE:
            return at + 1, line, second, 0
        else:
            at += 2


@loop
def divide(
    text: np.ndarray,
    delimiter: int,
    whole: bool,
    longest: int,
    blanks: bool,
    kept: np.ndarray,
    lines: np.ndarray,
    broken: np.ndarray,
    fates: np.ndarray,
) -> tuple[int, int, int, int]:
    """Cut text (n,) into records: how many bytes they take, how many of them are kept, the records, the broken ones.

    A field is quoted where a quote is its first letter, or the second after a space, as DuckDB has it; elsewhere a
    quote is text. A record is broken where a quoted field does not end, or other text than spaces follows it: then it
    is the line it begins on.

    whole   whether nothing follows the text; else what follows its last line break is no record yet
    longest bytes; a quoted field that has not ended by then does not
    blanks  whether an empty line is a record, as it is of one column
    kept    (n,) gets the records, without those broken and the spaces about quoted fields; nothing where all is kept
    lines   gets the line, from 0, that each record begins on
    broken  gets the numbers of those broken
    fates   zeros, one for each line and one more; gets what comes of a quoted field that goes on into that line, so
            that no line is gone through for every one before it
    """
    n, at, line, count, odd, end = len(text), 0, 0, 0, 0, 0
    size, first = 0, 0  # what is copied so far; from where on the text is to be kept, and is not copied yet
    while at < n:
        start, line_before, size_before, first_before = at, line, size, first
        second, ended, fate = -1, False, 0
        while at < n and not ended:
            begin = at
            if text[at] == _SPACE and at + 1 < n and text[at + 1] == _QUOTE:
                at += 1
            if text[at] == _QUOTE:
                if at > begin:
                    size, first = _copied(text, first, begin, kept, size), at
                at, line, broken_at, fate = _behind_quotes(text, at + 1, line, whole, fates)
                second = broken_at if second < 0 else second
                if fate != 0:
                    break
                behind = at
                while at < n and text[at] == _SPACE:
                    at += 1
                if at > behind:
                    size, first = _copied(text, first, behind, kept, size), at
                if at < n and text[at] != delimiter and text[at] != _LF and text[at] != _CR:
                    fate = _WRONG
                    break
            else:
                while at < n and text[at] != delimiter and text[at] != _LF and text[at] != _CR:
                    at += 1
            if at == n or (at + 1 == n and text[at] == _CR and not whole):
                break
            if text[at] == _CR and at + 1 < n and text[at + 1] == _LF:
                at += 1
            ended = text[at] != delimiter
            line += text[at] == _LF
            at += 1
        for i in range(line_before + 1, line + 1 if fate != 0 else 0):
            fates[i] = fate
        wrong = fate == _WRONG or (fate == _OPEN and (whole or (n - start > longest and second >= 0)))
        if not (ended or wrong or (whole and at == n)):
            break
        if wrong:
            if second < 0:  # its first line ends after what is wrong
                while at < n and text[at] != _LF:
                    at += 1
                if at == n and not whole:
                    break
                second = min(at + 1, n)
            at, line = second, line_before + 1
            size, first = _copied(text, first_before, start, kept, size_before), second
            broken[odd] = count
            odd += 1
        if wrong or blanks or at - start > 2 or (text[start] != _LF and text[start] != _CR):
            lines[count] = line_before
            count += 1
        end = at
    if end < at:
        size, first = size_before, first_before
    if first > 0:
        size = _copied(text, first, end, kept, size)
    return end, size if first > 0 else end, count, odd
