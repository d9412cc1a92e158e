"""The running worker: intake, order of writes, replica of the model, snapshots, health."""
