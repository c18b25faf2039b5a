"""Recording a call: the consent, the two channels in step, the sealed file, and how it ends. Knows no dialogue."""
