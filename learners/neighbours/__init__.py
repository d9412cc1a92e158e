"""How sessions and users like this one went on."""
