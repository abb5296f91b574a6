"""The short name of `kasal_client`."""
