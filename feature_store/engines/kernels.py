"""The inner loops, compiled: rows of one file, in their customers' order, into arrays of one cell a customer.

Every loop lets other threads run (`nogil`), so that the next file is decoded meanwhile; compiled code is kept on disk.
"""

from typing import Any

import numpy as np
from numba import njit

MICROSECONDS_A_DAY = 86_400_000_000
compiled: Any = njit(nogil=True, cache=True, error_model="numpy")


@compiled
def places(hashes, customers, where):  # type: ignore[no-untyped-def]
    """Write each row's place among the sorted `customers`, -1 for one not among them; return how many are not.

    Rows in the customers' order cost one step each; any other order costs a search a row.
    """
    at, last, unknown = 0, len(customers), 0
    for row in range(len(hashes)):
        wanted = hashes[row]
        if at < last and customers[at] > wanted and at > 0 and customers[at - 1] >= wanted:
            at = np.searchsorted(customers, wanted)
        step = 1
        while at + step < last and customers[at + step] < wanted:
            at += step
            step *= 2
        while at < last and customers[at] < wanted:
            at += 1
            step = 1
            while at + step < last and customers[at + step] < wanted:
                at += step
                step *= 2
        if at < last and customers[at] == wanted:
            where[row] = at
        else:
            where[row] = -1
            unknown += 1
    return unknown


@compiled
def among(hashes, sieve, wanted, found):  # type: ignore[no-untyped-def]
    """Mark the rows whose hash is among the sorted `wanted`; `sieve` has a bit for the low bits of each of those."""
    low = np.int64(len(sieve) * 8 - 1)
    for row in range(len(hashes)):
        bit = hashes[row] & low
        found[row] = False
        if sieve[bit >> 3] & (1 << (bit & 7)):
            at = np.searchsorted(wanted, hashes[row])
            found[row] = at < len(wanted) and wanted[at] == hashes[row]


@compiled
def count_rows(begin, where, kind, occurred, origin, slot_of_day, slots, counts):  # type: ignore[no-untyped-def]
    """Add one to (slot, kind, customer) for each row and write its slot, -1 outside; return the row whose cell is full.

    Returns the number of rows when no cell is.
    """
    top = np.iinfo(counts.dtype).max
    for row in range(begin, len(where)):
        slots[row] = -1
        day = (occurred[row] - origin) // MICROSECONDS_A_DAY
        if where[row] >= 0 and 0 <= day < len(slot_of_day) and slot_of_day[day] >= 0:
            slot = slot_of_day[day]
            if counts[slot, kind[row], where[row]] == top:
                return row
            slots[row] = slot
            counts[slot, kind[row], where[row]] += 1
    return len(where)


@compiled
def newest_rows(where, kind, occurred, newest):  # type: ignore[no-untyped-def]
    """Keep each customer's newest instant of each kind."""
    for row in range(len(where)):
        if where[row] >= 0 and occurred[row] > newest[kind[row], where[row]]:
            newest[kind[row], where[row]] = occurred[row]


@compiled
def mark_days(where, kind, occurred, origin, member, days):  # type: ignore[no-untyped-def]
    """Set the bit of each row's day in (word, customer), for rows of the kinds that are `member`."""
    for row in range(len(where)):
        day = (occurred[row] - origin) // MICROSECONDS_A_DAY
        if where[row] >= 0 and member[kind[row]] and 0 <= day < days.shape[0] * 64:
            days[day >> 6, where[row]] |= np.uint64(1) << np.uint64(day & 63)


@compiled
def add_numbers(where, kind, slots, numbers, there, member, sums, absent):  # type: ignore[no-untyped-def]
    """Add each row's number to (slot, customer), or count that it has none."""
    for row in range(len(where)):
        if slots[row] >= 0 and member[kind[row]]:
            if there[row]:
                sums[slots[row], where[row]] += numbers[row]
            else:
                absent[slots[row], where[row]] += 1


@compiled
def add_all_numbers(where, kind, slots, numbers, member, sums):  # type: ignore[no-untyped-def]
    """Add each row's number to (slot, customer); every row has one."""
    for row in range(len(where)):
        if slots[row] >= 0 and member[kind[row]]:
            sums[slots[row], where[row]] += numbers[row]


@compiled
def keep_extremes(where, kind, slots, numbers, there, member, sign, extremes):  # type: ignore[no-untyped-def]
    """Keep the greatest of sign * number in (slot, customer)."""
    for row in range(len(where)):
        if slots[row] >= 0 and member[kind[row]] and there[row]:
            number = sign * numbers[row]
            extremes[slots[row], where[row]] = max(extremes[slots[row], where[row]], number)


@compiled
def keep_last(where, kind, occurred, numbers, there, member, newest, last, tied):  # type: ignore[no-untyped-def]
    """Keep the number of each customer's newest row that has one; mark who has two at one instant that differ."""
    for row in range(len(where)):
        who = where[row]
        if who >= 0 and member[kind[row]] and there[row]:
            if occurred[row] > newest[who]:
                newest[who], last[who], tied[who] = occurred[row], numbers[row], False
            elif occurred[row] == newest[who] and last[who] != numbers[row]:
                tied[who] = True


@compiled
def fold(cells, slots, out):  # type: ignore[no-untyped-def]
    """Write the sum over the chosen slots of each (row, customer) cell."""
    for row in range(out.shape[0]):
        for slot in slots:
            for who in range(out.shape[1]):
                out[row, who] += cells[slot, row, who]


@compiled
def bits_within(days, first, last, out):  # type: ignore[no-untyped-def]
    """Count the days set from `first` to before `last`, NaN where there is none."""
    one = np.uint64(1)
    for word in range(days.shape[0]):
        low, high = max(first - word * 64, 0), min(last - word * 64, 64)
        if low >= high:
            continue
        mask = ~np.uint64(0) if high - low == 64 else ((one << np.uint64(high - low)) - one) << np.uint64(low)
        for who in range(days.shape[1]):
            bits = days[word, who] & mask
            bits -= (bits >> one) & np.uint64(0x5555555555555555)
            bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
            bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
            out[who] += (bits * np.uint64(0x0101010101010101)) >> np.uint64(56)
    for who in range(len(out)):
        if out[who] == 0:
            out[who] = np.nan


@compiled
def total(cells, rows, out):  # type: ignore[no-untyped-def]
    """Write the sum of the chosen rows, NaN where it is zero."""
    for row in rows:
        for who in range(len(out)):
            out[who] += cells[row, who]
    for who in range(len(out)):
        if out[who] == 0:
            out[who] = np.nan


@compiled
def uncount_rows(where, kind, occurred, origin, slot_of_day, slots, counts):  # type: ignore[no-untyped-def]
    """Take one from (slot, kind, customer) for each row and write its slot, -1 outside."""
    for row in range(len(where)):
        slots[row] = -1
        day = (occurred[row] - origin) // MICROSECONDS_A_DAY
        if where[row] >= 0 and 0 <= day < len(slot_of_day) and slot_of_day[day] >= 0:
            slots[row] = slot_of_day[day]
            counts[slots[row], kind[row], where[row]] -= 1


@compiled
def take_numbers(where, kind, slots, numbers, there, member, sums, absent):  # type: ignore[no-untyped-def]
    """Take each row's number from (slot, customer), or uncount that it has none."""
    for row in range(len(where)):
        if slots[row] >= 0 and member[kind[row]]:
            if there[row]:
                sums[slots[row], where[row]] -= numbers[row]
            else:
                absent[slots[row], where[row]] -= 1


@compiled
def a_day_earlier(days):  # type: ignore[no-untyped-def]
    """Move every bit of (word, customer) one day towards the first."""
    one, high = np.uint64(1), np.uint64(63)
    for word in range(days.shape[0]):
        for who in range(days.shape[1]):
            days[word, who] >>= one
            if word + 1 < days.shape[0]:
                days[word, who] |= days[word + 1, who] << high


@compiled
def put_in_order(values, at, empty, shown):  # type: ignore[no-untyped-def]
    """Write the values that stand `at` these places, `empty` for not-a-number; return how many are none even so."""
    missing = 0
    for row in range(len(at)):
        value = values[at[row]]
        if np.isnan(value):
            value = empty
        if np.isnan(value):
            missing += 1
        shown[row] = value
    return missing
