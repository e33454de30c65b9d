"""Labelled sets, pseudo users and studies that parts are measured on."""
