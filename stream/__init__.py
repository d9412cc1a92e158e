"""Headwater's service: from events in Kafka to recommendations in Kafka, learned from `headwater.log`.

A worker reads events (`worker`), decides on slates (`decisions`) and writes both as one batch to `headwater.log`; every
worker folds the log to the same `model`, and publishes what the log has accepted. Reading order, from the bottom up:

* `kernels`: where compiled kernels are kept
* `errors`, `settings`, `config`, `observe`: exit codes, all settings, how they are read, hooks for metrics
* `records`: topics, wire records, messages of the log, the rules by which a fold accepts them
* `state`: what is known of users and items, and snapshots of it
* `rules`: merchandising rules: caps, pins, boosts, exclusions
* `ranking`: candidates of all sources, their features and scores
* `experiments`: variants, shadow policies, results
* `model`: learners and policies as a fold of the log
* `decisions`: one event's journey: settlement of the last slate, then the next slate
* `kafka`, `processes`: clients, topics, the transport under Faust; child processes, brokers for tests and demos
* `metrics`, `client`, `ope`: Prometheus and dashboards; programs that read and write the topics; off-policy evaluation
* `worker`: intake, order of writes, ownership, replica, snapshots
* `serving`: who may read a worker's pages, work in bounds, ports, an end in time
* `gateway`: HTTP in front of the topics, and the console
* `evaluation`, `simulation`, `demo`, `datasets`: test then learn over a file; simulated users; the demo; file formats
* `app`, `cli`, `commands`: the Faust app, the command line and its subcommands
* `bench`, `chaos`: measurements of speed; faults and their audit

A room imports only from rooms on lower tiers of docs/architecture.md.
"""

from stream.kernels.place import install

install()
