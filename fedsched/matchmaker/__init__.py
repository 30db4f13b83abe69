"""The core: values in, values out; what lives here knows no clock, file, network, log or chance."""
