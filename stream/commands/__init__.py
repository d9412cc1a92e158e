"""The subcommands of `headwater`, one a file; each exports `command` and is imported only when it runs."""
