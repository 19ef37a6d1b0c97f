"""Audio decoding, resampling, windowing and front-end features, in numpy."""
