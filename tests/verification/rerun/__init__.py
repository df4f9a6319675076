"""An answer that was cut, as a dataset of all its rows by way of the warehouse: values, time and memory."""
