from distance import distance


def test_a_word_is_nowhere_far_from_itself():
    assert distance("same", "same") == 0
