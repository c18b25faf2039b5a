"""Kamailio and rtpengine before several gateways: their configuration, written from ours."""
