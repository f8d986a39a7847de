"""A ReFrame configuration to try the checks with on one machine; sites have one of their own."""
site_configuration = {
    "systems": [{
        "name": "here",
        "descr": "this machine, ranks started by mpirun",
        "hostnames": [".*"],
        "partitions": [{
            "name": "default",
            "scheduler": "local",
            "launcher": "mpirun",
            "environs": ["none"],
        }],
    }],
    "environments": [{"name": "none"}],
}
