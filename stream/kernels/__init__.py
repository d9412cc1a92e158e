"""Where numba keeps compiled kernels. Imported first of all, so that it is settled before the first kernel is."""
