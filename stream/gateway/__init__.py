"""HTTP in front of the topics, for services that do not speak Kafka, and the console for people.

`reader` follows the topics, `read_model` keeps what they say, `api` answers from there and writes what it is given; `access`
and `problems` say who may do what, and what is wrong. `feed` tells those who listen. Nothing here learns for the
engine: a gateway can be started, stopped and multiplied at will.
"""
