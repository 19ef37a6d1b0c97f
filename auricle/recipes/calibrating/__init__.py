"""Calibration of any model on labelled recordings: `calibrate`, and `Calibration.save`, which writes the calibrated model folder."""

from auricle.recipes.calibrating.calibrate import Calibration as Calibration
from auricle.recipes.calibrating.calibrate import CalibrationSettings as CalibrationSettings
from auricle.recipes.calibrating.calibrate import calibrate as calibrate
from auricle.recipes.calibrating.folder import check_target as check_target
