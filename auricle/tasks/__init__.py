"""Tasks, one module each (numpy): records in, target arrays out (encode); scores in, records out (decode); and a metric (measure)."""
