"""A loop over libsvm files, for `native.loops`: bytes to numbers, each rounded as Python rounds it or left to Python.

A number of up to 19 digits is its digits, an integer below 2^64, times a power of ten. The product is taken in twice
the precision of a double (Dekker, 1971); where even that cannot tell which of two doubles is nearer, Python decides.
"""

import numpy as np

from thalweg.native import loop


@loop
def _scaled(digits: np.uint64, exponent: int, tens: np.ndarray) -> tuple[float, bool]:
    """digits·10^exponent rounded to the nearest double, and whether that is certain."""
    low = digits & np.uint64(0x7FF) if digits >= np.uint64(1 << 53) else np.uint64(0)
    high_digits, low_digits = float(digits - low), float(low)
    t, t_low = tens[exponent + len(tens) // 2, 0], tens[exponent + len(tens) // 2, 1]
    product = high_digits * t
    c = 134217729.0 * high_digits
    a1 = c - (c - high_digits)
    a2 = high_digits - a1
    c = 134217729.0 * t
    b1 = c - (c - t)
    b2 = t - b1
    tail = ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2
    tail += high_digits * t_low + low_digits * t
    doubt = abs(product) * 1e-28
    value = product + tail
    return value, product + (tail - doubt) == product + (tail + doubt)


@loop
def _read_number(text: np.ndarray, at: int, tens: np.ndarray) -> tuple[float, int, bool]:
    """The number that begins at `at`, where it ends (-1: there is none), and whether it is certain."""
    n = len(text)
    negative = at < n and text[at] == 45
    if at < n and (text[at] == 43 or text[at] == 45):
        at += 1
    digits, kept, exponent, seen = np.uint64(0), 0, 0, 0
    certain = True
    point = False
    while at < n:
        c = text[at]
        if 48 <= c <= 57:
            seen += 1
            if kept < 19:
                digits = digits * np.uint64(10) + np.uint64(c - 48)
                kept += 1 if digits > np.uint64(0) else 0
                exponent -= 1 if point else 0
            else:
                certain = certain and c == 48
                exponent += 0 if point else 1
        elif c == 46 and not point:
            point = True
        else:
            break
        at += 1
    if seen == 0:
        return 0.0, -1, False
    if at < n and (text[at] == 101 or text[at] == 69):
        at += 1
        minus = at < n and text[at] == 45
        if at < n and (text[at] == 43 or text[at] == 45):
            at += 1
        power, seen = 0, 0
        while at < n and 48 <= text[at] <= 57:
            power = min(power * 10 + int(text[at]) - 48, 100000)
            seen += 1
            at += 1
        if seen == 0:
            return 0.0, -1, False
        exponent += -power if minus else power
    if digits == np.uint64(0):
        value = 0.0
    elif exponent == 0 and digits < np.uint64(1 << 53):
        value = float(digits)
    elif abs(exponent) <= len(tens) // 2:
        value, sure = _scaled(digits, exponent, tens)
        certain = certain and sure
    else:
        value, certain = 0.0, False
    return -value if negative else value, at, certain


@loop
def parse(
    text: np.ndarray,
    tens: np.ndarray,
    labels: np.ndarray,
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    odd_numbers: np.ndarray,
) -> tuple[int, int, int]:
    """Fill the arrays; returns how many rows and entries there are, and how many numbers are left to Python.

    odd_numbers gets (entry, start, stop) of those. Returns -1 rows at the first line that is not plain.
    """
    n, at, odd, rows, entries = len(text), 0, 0, 0, 0
    while at < n:
        while at < n and (text[at] == 32 or text[at] == 9 or text[at] == 13):
            at += 1
        if at < n and text[at] != 10 and text[at] != 35:
            value, at, certain = _read_number(text, at, tens)
            if at < 0 or not certain:
                return -1, 0, 0
            labels[rows] = value
            before = -1
            while True:
                blank = at
                while at < n and (text[at] == 32 or text[at] == 9 or text[at] == 13):
                    at += 1
                if at >= n or text[at] == 10 or text[at] == 35:
                    break
                if blank == at:
                    return -1, 0, 0
                if text[at] == 113:  # qid: and digits
                    if at + 4 >= n or text[at + 1] != 105 or text[at + 2] != 100 or text[at + 3] != 58:
                        return -1, 0, 0
                    at += 4
                    while at < n and 48 <= text[at] <= 57:
                        at += 1
                    if at < n and not (text[at] == 32 or 9 <= text[at] <= 13):
                        return -1, 0, 0
                    continue
                start, place = at, 0
                while at < n and 48 <= text[at] <= 57 and at - start < 11:
                    place = place * 10 + int(text[at]) - 48
                    at += 1
                if at == start or at >= n or text[at] != 58 or place <= before or place > 2147483646:
                    return -1, 0, 0
                before = place
                start = at + 1
                value, at, certain = _read_number(text, start, tens)
                if at < 0:
                    return -1, 0, 0
                if not certain:
                    if odd == len(odd_numbers):
                        return -1, 0, 0
                    odd_numbers[odd, 0], odd_numbers[odd, 1], odd_numbers[odd, 2] = entries, start, at
                    odd += 1
                indices[entries], data[entries] = place, value
                entries += 1
            rows += 1
            indptr[rows] = entries
        while at < n and text[at] != 10:
            at += 1
        at += 1
    return rows, entries, odd
