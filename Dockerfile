# The gateway's image. `docker build --target test .` gives the one that runs the tests.

FROM node:24-slim AS build
WORKDIR /app
RUN chown node:node /app
USER node
COPY --chown=node:node package.json package-lock.json ./
RUN npm ci
COPY --chown=node:node . .
RUN npm run build

FROM build AS test
CMD ["npm", "test"]

FROM node:24-slim
# Where the gateway is let in, and the one place it writes to.
ENV NODE_ENV=production HOST=0.0.0.0 PORT=3000 STORE_URL=sqlite:/data/gateway.db
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev && npm cache clean --force && mkdir /data && chown node:node /data
COPY --from=build /app/dist/backend/src dist/backend/src
COPY --from=build /app/dist/mock-apis dist/mock-apis
COPY backend/migrations backend/migrations
COPY config config
USER node
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/ready`).then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
# The process itself, not npm: npm would keep SIGTERM to itself.
CMD ["node", "dist/backend/src/server.js"]
