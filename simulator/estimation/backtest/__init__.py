"""What a fit until some month would have forecast, against what came."""
