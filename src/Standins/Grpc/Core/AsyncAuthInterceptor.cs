namespace Grpc.Core;

/// <summary>Adds credentials to the request headers of a call.</summary>
public delegate Task AsyncAuthInterceptor(AuthInterceptorContext context, Metadata metadata);
