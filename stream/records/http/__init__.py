"""What travels over HTTP: the gateway's answers and the messages of its stream, as records that clients read too."""
