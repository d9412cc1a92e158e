"""What a worker does with requests for slates and with questions to the model that came in a poll."""
