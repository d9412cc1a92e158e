"""From event to recommendation and back.

    events.view ─┐                                              ┌─> recommendations
    events.click ├─> intake ─> engine ─> writer ────────────────┤
    events.purchase             ▲  │       └─> headwater.log ───┼─> replica: model.fold ─┐
    catalog.items, users ───────┘  └─ candidates <──────────────┼────────────────────────┘
                                                                └─> outcomes, events.dead

Reading order: `engine` (one event's journey), `log` (what is true), `users` and `model` (the two folds of it),
`candidates` and `features` (what could be shown), then the edge: `worker` (the order of writes), `intake`, `writer`,
`replica`, `recovery`, `transport` (Faust), `app`. Vocabulary: `schemas`, `topics`, `config`.
"""
