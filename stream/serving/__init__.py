"""What a server is, whatever it serves: who may read its pages, work in bounds, a port, an end in time."""
