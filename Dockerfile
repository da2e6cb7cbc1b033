# One image for all four hosts, on the published packages; k8s/ says which host a container runs.
# IMAGE_PREFIX is the registry of the .NET images, with its trailing slash:
#   docker build --build-arg IMAGE_PREFIX=REGISTRY/ -t kvcluster .
ARG IMAGE_PREFIX=""

FROM ${IMAGE_PREFIX}dotnet/sdk:10.0 AS build
WORKDIR /source
COPY . .
RUN for host in Gateway PrefillWorker DecodeWorker KvStore KvCluster; do \
      dotnet publish src/$host -c Release -p:PublishedPackages=true -o /app/$host || exit 1; \
    done

FROM ${IMAGE_PREFIX}dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app .
COPY models/demo/model models/demo/model
# The unprivileged user that the .NET images bring.
USER $APP_UID
EXPOSE 8080 8081 8082 8083 8084 8093 8094
ENTRYPOINT ["dotnet", "/app/KvCluster/kvcluster.dll"]
CMD ["serve"]
