"""The shared model: learners and policies as a fold of the log, copies of it, and what each part learns from a step."""
