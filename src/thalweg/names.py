"""Names of methods and schedules, for a command's help that imports no numerics; a test holds them to the lists."""

METHOD_NAMES = ("gd", "minibatch", "sgd", "nesterov", "lbfgs", "newton", "newton-cg", "orthant-newton")
SCHEDULE_NAMES = ("constant", "1/k", "1/sqrt", "step", "cosine")
TOKEN_NAMES = ("auto", "words", "characters")
TEXT_WEIGHT_NAMES = ("tfidf", "counts")
