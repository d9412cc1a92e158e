"""HTTP in front of the topics, for services that do not speak Kafka, and a console for people.

`reader` follows the topics into `read_model`; `api` answers requests from there and has `writer` write to Kafka;
`routes` lists all requests, from which `app` makes the server and `contract` the OpenAPI document;
`documents` holds the JSON of the answers, `reasons` their words, `answers` what makes them cheap to ask for again,
`feed` the server-sent events, `fleet` the requests to workers. `middleware` counts, limits and authorises (`access`),
and turns errors into `problems`; `app` starts and stops it all. A gateway
has no part in learning: start, stop and multiply it at will.
"""
