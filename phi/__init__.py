"""Calculations that find and remove what identifies a patient. No sinks, descriptors or clocks."""
