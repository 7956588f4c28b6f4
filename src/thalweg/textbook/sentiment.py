"""The sentiment example of SLP 5.2: six counts a text, weights learnt from them, and which words moved which weight."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    moved  for each feature that counts words, how far each word moved its weight on the way from 0: they add up to w
    """

    lexicon: Lexicon
    w: np.ndarray
    b: float
    moved: dict[str, dict[str, float]]

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """(m,) probabilities that each text is positive."""
        return sigmoid(features(texts, self.lexicon) @ self.w + self.b)

    def accuracy(self, texts: Sequence[str], labels: Sequence[int]) -> float:
        """The share of texts whose label, 1 for positive, has the larger probability."""
        return float(np.mean((self.predict_proba(texts) > 0.5) == (np.asarray(labels) == 1)))

    def __str__(self) -> str:
        lines = []
        for name, weight in zip((*FEATURES, "b"), (*self.w, self.b), strict=True):
            words = sorted(self.moved.get(name, {}).items(), key=lambda item: -abs(item[1]))[:6]
            moved = ", ".join(f"{word} {share:+.3f}" for word, share in words)
            lines.append(f"{name:<15}{weight:+8.3f}   {moved and 'moved by ' + moved}".rstrip())
        return "\n".join(lines)


@dataclass(frozen=True)
class Comparison:
    """Accuracy on the same held-out texts: of the lexicon counts alone, and of a weight for every word."""

    lexicon: float
    words: float
    vocabulary: int

    def __str__(self) -> str:
        better = "better" if self.words >= self.lexicon else "worse"
        return (
            f"accuracy on held-out texts: {self.lexicon:.3f} with {len(FEATURES)} counts, {self.words:.3f} with a "
            f"weight for each of {self.vocabulary:,} words: plain word counts are {better} by "
            f"{abs(self.words - self.lexicon):.3f}."
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

    Source: SLP figure 5.2, with its features x₁ to x₆.
    """
    rows = []
    for text in texts:
        words = tokens(text)
        positive, negative, pronouns = (sum(word in group for word in words) for group in _groups(lexicon))
        rows.append([positive, negative, "no" in words, pronouns, "!" in text, np.log(max(len(words), 1))])
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(FEATURES))


def train(texts: Sequence[str], labels: Sequence[int], lexicon: Lexicon, steps: int = 2000) -> Classifier:
    """`steps` of vectorised descent at the rate 1/L, from zeros; labels are 1 for positive and 0 for negative.

    Raises DataError where there are no texts, or labels do not fit them.
    """
    y = checks.numbers("labels", labels)
    if len(texts) == 0:
        raise DataError("there are no texts to learn from.")
    checks.shape("labels", y, (len(texts),), "one for each text")
    checks.labels("labels", y)
    X = features(texts, lexicon)
    alpha = 1.0 / smoothness(np.hstack([X, np.ones((len(X), 1))]))
    errors: list[np.ndarray] = []
    run = vectorized.descend(X.T, y[None, :], alpha, steps, watch=lambda w, b, at: errors.append(at.dZ[0]))
    # each step moves w by -α/m Σ dz⁽ⁱ⁾x⁽ⁱ⁾, and x counts words: the same sum, word by word, is each word's share
    return Classifier(
        lexicon, run.w[:, 0], run.b, _shares(texts, lexicon, -alpha / len(texts) * np.sum(errors[:-1], axis=0))
    )


def compare(
    training: tuple[Sequence[str], Sequence[int]], held_out: tuple[Sequence[str], Sequence[int]], lexicon: Lexicon
) -> Comparison:
    """The lexicon counts against plain word counts of words seen at least twice, both by logistic regression."""
    from sklearn.feature_extraction.text import CountVectorizer

    from thalweg.train.assembly import fit

    counts = CountVectorizer(min_df=2)
    X = counts.fit_transform(training[0]).toarray().astype(np.float64)
    model = fit((X, np.asarray(training[1])), standardize=False)
    words = model.predict(counts.transform(held_out[0]).toarray().astype(np.float64))
    by_lexicon = train(*training, lexicon).accuracy(*held_out)
    return Comparison(by_lexicon, float(np.mean(words == np.asarray(held_out[1]))), X.shape[1])


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
