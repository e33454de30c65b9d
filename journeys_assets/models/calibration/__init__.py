"""Calibrations of the clustering: releases of the threshold that suits a deployment."""
