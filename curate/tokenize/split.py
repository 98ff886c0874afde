"""Where a tokenizer that is trained here splits texts into words, over which no token reaches."""

from __future__ import annotations

from dataclasses import dataclass

from tokenizers import Regex, normalizers, pre_tokenizers

from curate.recipe import Case, Digits, Whitespace

MAX_DIGITS = {"triples": 3, "single": 1}


@dataclass(frozen=True, slots=True)
class WordSplit:
    """The split of OpenAI's cl100k_base in the spelling of Llama 3, which every loader knows by heart, and variants.

    Digits in groups of at most three keep long numbers from filling the vocabulary; single ones make arithmetic easier.
    A word takes one character before it along, so quotes, brackets and indents do not break it. Runs of spaces and of
    newlines stay whole, which code needs, or every one is a token, but for those that a word takes along.
    """

    digits: Digits = "triples"
    whitespace: Whitespace = "runs"
    case: Case = "kept"

    @property
    def words(self) -> str:
        """The expression that finds each word; `count_words` finds the same."""
        runs = self.whitespace == "runs"
        return "|".join(
            (
                r"(?i:'s|'t|'re|'ve|'m|'ll|'d)",
                r"[^\r\n\p{L}\p{N}]?\p{L}+",
                r"\p{N}{1,3}" if self.digits == "triples" else r"\p{N}",
                r" ?[^\s\p{L}\p{N}]+[\r\n]*" if runs else r" ?[^\s\p{L}\p{N}]+",
                *((r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+") if runs else (r"\s",)),
            )
        )

    @property
    def max_digits(self) -> int:
        return MAX_DIGITS[self.digits]

    @property
    def pre_tokenizer(self) -> pre_tokenizers.PreTokenizer:
        return pre_tokenizers.Split(Regex(self.words), behavior="isolated")

    @property
    def normalizer(self) -> normalizers.Normalizer | None:
        """What is done to a text before; lower case cannot be undone."""
        return normalizers.Lowercase() if self.case == "lower" else None


DEFAULT = WordSplit()
