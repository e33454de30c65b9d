"""The assets: stages of the pipeline, landing sources, training, evaluation and the readout of the experiment."""
