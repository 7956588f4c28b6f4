"""From a request to a model: `assembly.fit` is the one assembly every face calls, `run.run` its engine room."""
