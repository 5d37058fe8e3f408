"""Recurrent layers: Elman RNN, LSTM, GRU."""
