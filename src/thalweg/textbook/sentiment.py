"""The sentiment example of SLP 5.2: six counts a text, weights learnt from them, and which words moved which weight."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from thalweg.errors import DataError
from thalweg.textbook import checks, vectorized
from thalweg.textbook.definitions import sigmoid
from thalweg.textbook.rates import smoothness

FEATURES = ("positive words", "negative words", '"no"', "pronouns", '"!"', "log(words)")
PRONOUNS = frozenset(
    ("i", "me", "my", "mine", "myself", "we", "us", "our", "ours", "ourselves", "you", "your", "yours", "yourself")
)

_WORD = re.compile(r"[a-z0-9](?:[a-z0-9'*+-]*[a-z0-9*+])?")


@dataclass(frozen=True)
class Lexicon:
    """Words that praise and words that blame, in lower case."""

    positive: frozenset[str]
    negative: frozenset[str]


@dataclass(frozen=True)
class Classifier:
    """A trained example.

    w      (6,) one weight for each of `FEATURES`, and b
    moved  for each feature that counts words, how far each word moved its weight in the first step from 0, where every
           error ŷ - y is ±½: they add up to that step. Later steps have no such shares: the weights come to rest where
           the words' pulls cancel, but each single pull goes on, so that its sum would grow with the number of steps
    """

    lexicon: Lexicon
    w: np.ndarray
    b: float
    moved: dict[str, dict[str, float]]

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """(m,) probabilities that each text is positive; raises DataError unless texts are a list of strings."""
        return sigmoid(features(texts, self.lexicon) @ self.w + self.b)

    def accuracy(self, texts: Sequence[str], labels: Sequence[int]) -> float:
        """The share of texts whose label, 1 for positive, has the larger probability.

        Raises DataError where there are no texts, or labels do not fit them.
        """
        return float(np.mean((self.predict_proba(texts) > 0.5) == (_labels(texts, labels) == 1.0)))

    def __str__(self) -> str:
        lines = []
        for name, weight in zip((*FEATURES, "b"), (*self.w, self.b), strict=True):
            words = sorted(self.moved.get(name, {}).items(), key=lambda item: -abs(item[1]))[:6]
            moved = ", ".join(f"{word} {share:+.2g}" for word, share in words if share)
            lines.append(f"{name:<15}{weight:+8.3f}   {moved and 'first moved by ' + moved}".rstrip())
        return "\n".join(lines)


@dataclass(frozen=True)
class Comparison:
    """Accuracy on the same held-out texts, of three models of the same training texts.

    lexicon     with the two lexicon counts alone, positive and negative words
    counts      with all six of `FEATURES`
    words       with a weight for every word of the `vocabulary`, by plain counts
    texts       the number of held-out texts: one split, whose accuracies are known to `error`
    """

    lexicon: float
    counts: float
    words: float
    vocabulary: int
    texts: int

    @property
    def error(self) -> float:
        """Standard error of such an accuracy."""
        return float(np.sqrt(self.words * (1.0 - self.words) / self.texts))

    def __str__(self) -> str:
        better = "better" if self.words >= self.lexicon else "worse"
        return (
            f"accuracy on {self.texts:,} held-out texts, each ±{self.error:.3f}: {self.lexicon:.3f} with two lexicon "
            f"counts, {self.counts:.3f} with all {len(FEATURES)} counts, {self.words:.3f} with a weight for each of "
            f"{self.vocabulary:,} words: plain word counts are {better} than the lexicon's by "
            f"{abs(self.words - self.lexicon):.3f} on this split."
        )


def read_lexicon(positive: str | Path, negative: str | Path) -> Lexicon:
    """One word a line, `;` before comments, latin-1, as Hu and Liu (2004) publish theirs.

    Raises DataError for a file that is not there or holds no words.
    """
    return Lexicon(_words(Path(positive)), _words(Path(negative)))


def read_sentences(*paths: str | Path) -> tuple[list[str], list[int]]:
    """Texts and their labels from files with a sentence, a tab and 0 or 1 in each line; a line of names may come first.

    Raises DataError for a file that is not there, or a line that is otherwise, naming it.
    """
    texts, labels = [], []
    for path in map(Path, paths):
        for number, line in enumerate(_lines(path, "utf-8"), start=1):
            text, tab, label = line.rpartition("\t")
            if label.strip() in ("0", "1") and tab:
                texts.append(text)
                labels.append(int(label))
            elif number > 1 and line.strip():
                raise DataError(f"{path}, line {number}: expected a sentence, a tab and 0 or 1, found {line[-40:]!r}.")
    return texts, labels


def tokens(text: str) -> list[str]:
    """The words of a text in lower case; apostrophes and hyphens inside a word stay."""
    return _WORD.findall(text.lower())


def features(texts: Sequence[str], lexicon: Lexicon) -> np.ndarray:
    """(m, 6): positive and negative words, 1 for a "no", pronouns of first and second person, 1 for a "!", log(words).

    Raises DataError unless texts are a list of strings. Source: SLP figure 5.2, with its features x₁ to x₆.
    """
    rows = []
    _texts(texts)
    for text in texts:
        words = tokens(text)
        positive, negative, pronouns = (sum(word in group for word in words) for group in _groups(lexicon))
        rows.append([positive, negative, "no" in words, pronouns, "!" in text, np.log(max(len(words), 1))])
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def train(texts: Sequence[str], labels: Sequence[int], lexicon: Lexicon, steps: int = 2000) -> Classifier:
    """`steps` of vectorised descent at the rate 1/L, from zeros; labels are 1 for positive and 0 for negative.

    Raises DataError where there are no texts, or labels do not fit them.
    """
    y, steps = _labels(texts, labels), checks.count("steps", steps)
    X = features(texts, lexicon)
    run, alpha = _descent(X, y, steps)
    first = vectorized.propagate(np.zeros((len(FEATURES), 1)), 0.0, X.T, y[None, :])
    # the step moves w by -α/m Σ dz⁽ⁱ⁾x⁽ⁱ⁾, and x counts words: the same sum, word by word, is each word's share
    return Classifier(lexicon, run.w[:, 0], run.b, _shares(texts, lexicon, -alpha / len(texts) * first.dZ[0]))


def compare(
    training: tuple[Sequence[str], Sequence[int]], held_out: tuple[Sequence[str], Sequence[int]], lexicon: Lexicon
) -> Comparison:
    """The lexicon's counts against plain word counts of words seen at least twice, all by logistic regression.

    Raises DataError as `train` does, and where no word is seen twice.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    from thalweg.train.assembly import fit

    (texts, labels), (held_texts, held_labels) = training, held_out
    y, held_y = _labels(texts, labels), _labels(held_texts, held_labels)
    counts = CountVectorizer(min_df=2)
    try:
        X = counts.fit_transform(texts).toarray().astype(np.float64)
    except ValueError:
        raise DataError("the training texts hold no word twice: there is no vocabulary to compare with.") from None
    words = fit((X, y.astype(int)), standardize=False).predict(
        counts.transform(held_texts).toarray().astype(np.float64)
    )
    pair, _ = _descent(features(texts, lexicon)[:, :2], y, 2000)
    by_pair = (features(held_texts, lexicon)[:, :2] @ pair.w[:, 0] + pair.b > 0.0) == (held_y == 1.0)
    return Comparison(
        float(np.mean(by_pair)),
        train(texts, labels, lexicon).accuracy(held_texts, held_labels),
        float(np.mean(words == held_y)),
        X.shape[1],
        len(held_texts),
    )


def _descent(X: np.ndarray, y: np.ndarray, steps: int) -> tuple[vectorized.Run, float]:
    """From zeros at the rate 1/L, and that rate."""
    alpha = 1.0 / smoothness(np.hstack([X, np.ones((len(X), 1))]))
    return vectorized.descend(X.T, y[None, :], alpha, steps), alpha


def _texts(texts: Sequence[str]) -> None:
    if isinstance(texts, str) or not isinstance(texts, Iterable):
        raise DataError(f"texts must be a list of strings; it is {texts!r:.80}.")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise DataError(f"texts[{i}] is {text!r:.80}, but must be a string.")


def _labels(texts: Sequence[str], labels: Any) -> np.ndarray:
    _texts(texts)
    if len(texts) == 0:
        raise DataError("there are no texts: nothing to learn from or to judge.")
    y = checks.numbers("labels", labels)
    checks.shape("labels", y, (len(texts),), "one for each text")
    checks.labels("labels", y)
    return y


def _shares(texts: Sequence[str], lexicon: Lexicon, moves: np.ndarray) -> dict[str, dict[str, float]]:
    shares: dict[str, Counter[str]] = {name: Counter() for name in FEATURES[:5]}
    for text, move in zip(texts, moves, strict=True):
        words = tokens(text)
        for name, group in zip(("positive words", "negative words", "pronouns"), _groups(lexicon), strict=True):
            for word in words:
                if word in group:
                    shares[name][word] += move
        if "no" in words:
            shares['"no"']["no"] += move
        if "!" in text:
            shares['"!"']["!"] += move
    return {name: {word: float(share) for word, share in counter.items()} for name, counter in shares.items()}


def _groups(lexicon: Lexicon) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    return lexicon.positive, lexicon.negative, PRONOUNS


def _words(path: Path) -> frozenset[str]:
    words = frozenset(line.strip().lower() for line in _lines(path, "latin-1") if line.strip() and line[0] != ";")
    if not words:
        raise DataError(f"{path}: there are no words in this file; expected one a line.")
    return words


def _lines(path: Path, encoding: str) -> list[str]:
    try:
        return path.read_text(encoding=encoding).split("\n")
    except OSError as error:
        raise DataError(f"{path}: the file could not be read: {error.strerror or error}.") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start} is not {encoding}; save the file as {encoding}.") from None
