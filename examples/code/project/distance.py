"""How far two words are apart."""


def distance(one: str, other: str) -> int:
    """The least number of letters to change, add or take away that makes one word the other."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        above, row[0] = row[0], number
        for place, its in enumerate(other, start=1):
            above, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, above + (letter != its))
    return row[-1]
